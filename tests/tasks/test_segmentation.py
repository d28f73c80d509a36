"""A segmentation as a user meets it: the result, its picture, its score."""

from typing import Any

import numpy as np
import pytest

from streamdeq.errors import StreamdeqError
from streamdeq.models.architecture import Architecture
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import TASKS, build_task
from streamdeq.tasks.drawing import painted
from streamdeq.tasks.segmentation import Segmentation
from streamdeq.values.look import Look
from streamdeq.values.status import Start, Status

STATUS = Status(3, 0.12, 1, 1, 0.5, Start.WARM)
CLASSES = ("sky", "road", "car")
PALETTE = ((0, 0, 255), (128, 64, 128), (200, 0, 0))
TASK = build_task(ModelSpec("t", "segmentation", Architecture((4,), 2), CLASSES, PALETTE, 32))


def segmentation(labels: Any, **changes: Any) -> Segmentation:
    fields = {"classes": CLASSES, "palette": PALETTE, **changes}
    return Segmentation(status=STATUS, labels=np.array(labels, np.uint8), **fields)


# -- the result ------------------------------------------------------------------------------------------------


def test_masks_and_shares_are_per_class_name() -> None:
    result = segmentation([[0, 0, 2], [2, 0, 2]])
    assert result.mask("sky").tolist() == [[True, True, False], [False, True, False]]
    assert not result.mask("road").any()
    assert result.shares() == {"sky": 0.5, "car": 0.5}
    assert TASK.record(result) == {"shares": {"sky": 0.5, "car": 0.5}}


def test_an_unknown_class_shows_the_choices() -> None:
    with pytest.raises(StreamdeqError, match=r"unknown class 'cars'; did you mean 'car'\? \(choices: sky, road, car\)"):
        segmentation([[0]]).mask("cars")


def test_the_change_from_another_answer_is_the_share_of_pixels_that_differ() -> None:
    assert segmentation([[0, 1, 2, 2]]).change_from(segmentation([[0, 1, 2, 1]])) == 0.25


@pytest.mark.parametrize(
    ("labels", "changes", "message"),
    [
        (np.zeros((4, 4), np.int64), {}, r"\(H, W\) uint8; got \(4, 4\) int64"),
        (np.zeros((1, 4, 4), np.uint8), {}, r"\(H, W\) uint8; got \(1, 4, 4\)"),
        (np.full((2, 2), 3, np.uint8), {}, "labels must be below 3, the classes; got 3"),
        (np.zeros((2, 2), np.uint8), {"palette": PALETTE[:2]}, "one colour per class; got 2 for 3"),
    ],
)
def test_what_is_no_segmentation_is_refused(labels: np.ndarray, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Segmentation(**{"status": STATUS, "labels": labels, "classes": CLASSES, "palette": PALETTE, **changes})


def test_the_task_is_found_by_name() -> None:
    assert "segmentation" in TASKS
    with pytest.raises(StreamdeqError, match="unknown task 'segmentatoin'; did you mean 'segmentation'"):
        TASKS["segmentatoin"]


# -- the picture -----------------------------------------------------------------------------------------------


def test_pixels_are_the_frame_with_a_little_over_half_of_the_class_colour() -> None:
    labels = np.zeros((200, 300), np.uint8)
    labels[:, 150:] = 2
    drawn = TASK.draw(np.full((200, 300, 3), 100, np.uint8), segmentation(labels))
    assert drawn.shape == (200, 300, 3)
    assert drawn.dtype == np.uint8
    for pixel, colour in [(drawn[10, 10], PALETTE[0]), (drawn[10, 290], PALETTE[2])]:
        expected = 0.45 * 100 + 0.55 * np.array(colour)
        assert np.abs(pixel - expected).max() <= 1
    assert (drawn[:100, :150] == drawn[10, 10]).all()
    assert (drawn[:100, 150:] == drawn[10, 290]).all()


@pytest.mark.parametrize("hw", [(1, 1), (3, 5), (16, 64), (97, 131)])
def test_every_pixel_has_its_own_labels_colour(hw: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    for labels in (rng.integers(0, 256, hw, dtype=np.uint8), np.sort(rng.integers(0, 3, hw, dtype=np.uint8))):
        assert np.array_equal(painted(labels, colours), colours[labels])
        assert np.array_equal(painted(labels[:, ::-1], colours), colours[labels[:, ::-1]])


def test_black_and_white_stay_within_their_range() -> None:
    white = segmentation(np.zeros((64, 64)), palette=((255, 255, 255),) * 3)
    assert TASK.draw(np.full((64, 64, 3), 255, np.uint8), white)[0, 0].min() >= 254
    black = segmentation(np.zeros((64, 64)), palette=((0, 0, 0),) * 3)
    assert not TASK.draw(np.zeros((64, 64, 3), np.uint8), black)[0, 0].any()


def swatches(drawn: np.ndarray) -> set[int]:
    """The classes whose colour stands in the legend, as it is."""
    rows = drawn[-drawn.shape[0] // 3 :].reshape(-1, 3)
    return {k for k, colour in enumerate(PALETTE) if (rows == colour).all(axis=1).sum() > 20}


def test_the_legend_is_the_same_in_every_frame_and_the_picture_shows_through() -> None:
    bright, labels = np.full((240, 320, 3), 200, np.uint8), np.zeros((240, 320), np.uint8)
    first = TASK.draw(bright, segmentation(labels))
    labels[:100] = 2
    second = TASK.draw(bright, segmentation(labels))
    assert swatches(first) == swatches(second) == {0, 1, 2}
    assert np.array_equal(first[-16:], second[-16:])
    dark = TASK.draw(bright // 4, segmentation(labels))
    assert dark[-1, -1].sum() < second[-1, -1].sum()


def test_without_the_legend_and_with_another_opacity_the_picture_is_as_it_was_told() -> None:
    grey, labels = np.full((240, 320, 3), 90, np.uint8), np.ones((240, 320), np.uint8)
    assert swatches(TASK.draw(grey, segmentation(labels), Look(("plain",)))) == set()
    assert (TASK.draw(grey, segmentation(labels), Look(("plain",), 0.0)) == 90).all()
    assert (TASK.draw(grey, segmentation(labels), Look(("plain",), 1.0)) == PALETTE[1]).all()
    with pytest.raises(StreamdeqError, match=r"50 percent are 0\.5"):
        Look(opacity=50)


def test_what_is_left_over_is_not_painted_and_not_listed() -> None:
    grey, labels = np.full((240, 320, 3), 90, np.uint8), np.zeros((240, 320), np.uint8)
    labels[:, :100] = 1
    result = Segmentation(
        status=segmentation(labels).status,
        labels=labels,
        classes=("background", "cell"),
        palette=((0, 0, 0), (9, 200, 9)),
    )
    drawn = TASK.draw(grey, result)
    assert (drawn[:200, 100:] == 90).all()
    assert (drawn[:200, :100] != 90).any(axis=2).all()
    assert not (drawn[-40:].reshape(-1, 3) == (0, 0, 0)).all(axis=1).any()


@pytest.mark.parametrize("hw", [(1, 1), (1, 40), (3, 5), (16, 8), (40, 2)])
def test_frames_smaller_than_the_legend_are_drawn_too(hw: tuple[int, int]) -> None:
    labels = np.arange(hw[0] * hw[1]).reshape(hw) % 3
    assert TASK.draw(np.zeros((*hw, 3), np.uint8), segmentation(labels)).shape == (*hw, 3)


def test_drawing_leaves_frame_and_labels_as_they_were() -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    result = segmentation(np.ones((48, 64)))
    before = image.copy()
    image.setflags(write=False)
    drawn = TASK.draw(image, result)
    assert (image == before).all()
    assert (result.labels == 1).all()
    assert drawn.flags.writeable
    drawn[:] = 0  # it is nobody else's, the cached legend included
    assert TASK.draw(image, result).any()


@pytest.mark.parametrize(
    "image", [np.zeros((10, 20, 3), np.uint8), np.zeros((20, 10), np.uint8), np.zeros((20, 10, 3), np.float32)]
)
def test_a_picture_the_labels_are_not_of_is_refused(image: np.ndarray) -> None:
    with pytest.raises(StreamdeqError, match=r"expected the frame the labels are of, uint8 \(20, 10, 3\)"):
        TASK.draw(image, segmentation(np.zeros((20, 10))))


# -- the score -------------------------------------------------------------------------------------------------


def test_the_metric_gives_the_mean_and_every_class_in_points() -> None:
    metric = TASK.metric()
    metric.update(segmentation([[0, 0, 1], [1, 2, 0]]), np.array([[0, 0, 1], [2, 2, 1]], np.uint8))
    # sky: 2 right of 3 in either; road: 1 of 3; car: 1 of 2
    expected = {"IoU/sky": 200 / 3, "IoU/road": 100 / 3, "IoU/car": 50.0, "mIoU": 50.0}
    assert metric.compute() == pytest.approx(expected)
    assert metric.name == "mIoU"


def test_a_class_in_neither_is_skipped_and_not_named() -> None:
    metric = TASK.metric()
    metric.update(segmentation([[0, 0, 1, 1]]), np.array([[0, 1, 1, 255]], np.uint8))
    assert metric.compute() == pytest.approx({"IoU/sky": 50.0, "IoU/road": 50.0, "mIoU": 50.0})


def test_frames_add_up_to_one_matrix() -> None:
    metric = TASK.metric()
    metric.update(segmentation([[0, 0, 0, 0]]), np.array([[0, 0, 0, 0]], np.uint8))
    metric.update(segmentation([[0, 1]]), np.array([[1, 1]], np.uint8))
    assert metric.compute()["mIoU"] == pytest.approx(100 * (4 / 5 + 1 / 2) / 2)  # a mean of frames would be 62.5
    assert TASK.metric().compute()["mIoU"] != TASK.metric().compute()["mIoU"]  # NaN: every metric starts afresh


def test_what_was_taken_for_what_is_counted_in_pixels_and_a_label_is_drawn_as_an_answer_is() -> None:
    metric = TASK.metric()
    metric.update(segmentation([[0, 1, 1, 2]]), np.array([[0, 1, 2, 255]], np.uint8))
    told = metric.confusion()
    assert told is not None
    assert (told.unit, told.rows, told.columns) == ("pixels", CLASSES, CLASSES)
    assert told.counts.tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 0]]
    image = np.full((60, 80, 3), 100, np.uint8)
    label = np.ones((60, 80), np.uint8)
    drawn = TASK.draw_label(image, label)
    assert (drawn == TASK.draw(image, segmentation(label))).all()
    label[:, :5] = 255
    unlabelled = TASK.draw_label(image, label)
    assert unlabelled is not None
    assert (unlabelled[:, :5] == 100).all()
