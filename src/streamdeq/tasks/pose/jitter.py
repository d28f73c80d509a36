"""How restless points are over time, and how far two answers lie apart.

Lengths come in two units, in columns: pixels of the frame, and longer sides of the crop the instance was looked for in.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from streamdeq.tasks.pose.result import Poses


def jitter(answers: Sequence[Poses], least: float = 0.0) -> float:
    """Mean acceleration in pixels per frame², |x[t+1] - 2·x[t] + x[t-1]|, over all points of all instances.

    Steady motion has none. Counted wherever an instance is in three answers on end; NaN where none is.

    Args:
        answers: for consecutive frames, in order.
        least: a point counts where its score is at least this in all three.
    """
    triples = list(zip(answers, answers[1:], answers[2:], strict=False))
    every = np.concatenate([np.zeros((0, 2)), *(accelerations(*three, sure(three, least)) for three in triples)])
    return float(every[:, 0].mean()) if len(every) else float("nan")


#: (K,) which points count, by the number of the instance.
Counted = Mapping[int, np.ndarray]


def sure(answers: Sequence[Poses], least: float) -> Counted:
    """The points of the instances in all of the answers whose score is at least this in all of them."""
    return {
        key: np.min([one.scores[k] for one, k in zip(answers, at, strict=True)], axis=0) >= least
        for key, at in _shared(*answers).items()
    }


def accelerations(before: Poses, now: Poses, after: Poses, counted: Counted | None = None) -> np.ndarray:
    """(P, 2): that of every point that counts, in pixels and in sides of the crop it has now."""
    found = [np.zeros((0, 2))]
    for key, at in _shared(before, now, after).items():
        xy = [one.keypoints_xy[k].astype(np.float64) for one, k in zip((before, now, after), at, strict=True)]
        moved = np.linalg.norm(xy[2] - 2 * xy[1] + xy[0], axis=1)
        found.append(_both(_of(moved, counted, key), now, at[1]))
    return np.concatenate(found)


def distances(answer: Poses, other: Poses, counted: Counted | None = None) -> np.ndarray:
    """(P, 2): between the same points of the same instances, in pixels and in sides of the crop in `answer`."""
    found = [np.zeros((0, 2))]
    for key, (a, b) in _shared(answer, other).items():
        apart = np.linalg.norm(answer.keypoints_xy[a].astype(np.float64) - other.keypoints_xy[b], axis=1)
        found.append(_both(_of(apart, counted, key), answer, a))
    return np.concatenate(found)


def _shared(*answers: Poses) -> dict[int, tuple[int, ...]]:
    """The places, in each of the answers, of the instances that all of them have, by their numbers."""
    places = [one.places() for one in answers]
    keys = sorted(set.intersection(*(set(of) for of in places)))
    return {key: tuple(of[key] for of in places) for key in keys}


def _of(lengths: np.ndarray, counted: Counted | None, key: int) -> np.ndarray:
    """Those of the points that count; all of them where nothing is said, none of an instance that is not told of."""
    return lengths if counted is None else lengths[counted.get(key, np.zeros(len(lengths), bool))]


def _both(px: np.ndarray, answer: Poses, place: int) -> np.ndarray:
    left, top, right, bottom = answer.crops_xyxy[place].tolist()
    return np.stack([px, px / max(right - left, bottom - top)], axis=1)
