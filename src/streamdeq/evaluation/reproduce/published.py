"""Table I of the paper, to stand beside what was measured on the same data."""

from dataclasses import dataclass

#: Iterations of its rows; the single-frame baseline is at 27 iterations (IL) and 20 (UR, SUR).
ITERATIONS = (1, 2, 4, 8)
BASELINE = {"il": 27, "ur": 20, "sur": 20}


@dataclass(frozen=True)
class PublishedColumn:
    """Accuracy after 20 frames at `ITERATIONS`, and of the baseline, for each system; frames per second of two of them
    (SUR computes what UR does), on one A100."""

    metric: str
    accuracy: dict[str, tuple[float, float, float, float, float]]
    fps: dict[str, tuple[float, float, float, float, float]]


#: By the name that a reader gives the data set.
TABLE_1 = {
    "cityscapes": PublishedColumn(
        "mIoU",
        {
            "il": (45.5, 57.9, 71.5, 78.2, 79.7),
            "ur": (56.1, 67.2, 74.4, 79.0, 80.6),
            "sur": (62.8, 71.7, 77.9, 80.0, 80.2),
        },
        {"il": (4.3, 2.9, 1.9, 1.1, 0.3), "ur": (6.3, 4.9, 3.2, 1.9, 0.9)},
    ),
    "imagenet-vid": PublishedColumn(
        "mAP@50",
        {
            "il": (9.1, 39.5, 50.4, 54.8, 55.0),
            "ur": (59.4, 64.1, 65.7, 67.2, 70.8),
            "sur": (65.1, 68.8, 69.5, 70.3, 70.2),
        },
        {"il": (10.3, 9.2, 6.2, 3.5, 1.2), "ur": (23.2, 17.4, 11.6, 6.8, 3.1)},
    ),
    "mpii": PublishedColumn(
        "PCKh",
        {
            "il": (47.9, 70.1, 83.6, 86.2, 85.6),
            "ur": (73.8, 78.6, 86.2, 84.7, 90.4),
            "sur": (79.6, 86.8, 89.4, 89.9, 90.2),
        },
        {"il": (22.3, 19.2, 14.4, 12.2, 2.7), "ur": (48.2, 27.4, 22.3, 19.6, 10.6)},
    ),
}
