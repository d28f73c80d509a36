"""How restless points are over time, and how far two answers lie apart. Knows no labels: videos without any will do.

Lengths come in two units, in columns: pixels of the frame, and longer sides of the crop the instance was looked for in.
"""

from collections.abc import Sequence

import numpy as np

from streamdeq.tasks.pose.result import Poses


def jitter(answers: Sequence[Poses], least: float = 0.0) -> float:
    """Mean acceleration in pixels per frame², |x[t+1] - 2·x[t] + x[t-1]|, over all points of all instances.

    Steady motion has none. Counted wherever an instance is in three answers on end; NaN where none is.

    Args:
        answers: for consecutive frames, in order.
        least: a point counts where its score is at least this in all three.
    """
    triples = zip(answers, answers[1:], answers[2:], strict=False)
    every = np.concatenate([np.zeros((0, 2)), *(accelerations(*triple, least) for triple in triples)])
    return float(every[:, 0].mean()) if len(every) else float("nan")


def accelerations(before: Poses, now: Poses, after: Poses, least: float = 0.0) -> np.ndarray:
    """(P, 2): that of every point that counts, in pixels and in sides of the crop it has now."""
    found = [np.zeros((0, 2))]
    for at in _shared(before, now, after):
        answers = list(zip((before, now, after), at, strict=True))
        xy = [one.keypoints_xy[k].astype(np.float64) for one, k in answers]
        sure = np.min([one.scores[k] for one, k in answers], axis=0) >= least
        found.append(_both(np.linalg.norm(xy[2] - 2 * xy[1] + xy[0], axis=1)[sure], now, at[1]))
    return np.concatenate(found)


def distances(answer: Poses, other: Poses) -> np.ndarray:
    """(P, 2): between the same points of the same instances, in pixels and in sides of the crop in `answer`."""
    found = [np.zeros((0, 2))]
    for a, b in _shared(answer, other):
        apart = answer.keypoints_xy[a].astype(np.float64) - other.keypoints_xy[b]
        found.append(_both(np.linalg.norm(apart, axis=1), answer, a))
    return np.concatenate(found)


def _shared(*answers: Poses) -> list[tuple[int, ...]]:
    """The places, in each of the answers, of the instances that all of them have."""
    places = [one.places() for one in answers]
    keys = sorted(set.intersection(*(set(of) for of in places)))
    return [tuple(of[key] for of in places) for key in keys]


def _both(px: np.ndarray, answer: Poses, place: int) -> np.ndarray:
    left, top, right, bottom = answer.crops_xyxy[place].tolist()
    return np.stack([px, px / max(right - left, bottom - top)], axis=1)
