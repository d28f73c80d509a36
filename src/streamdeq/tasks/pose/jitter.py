"""How restless points are over time. Knows no labels: it measures a video without any."""

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
    sizes: list[np.ndarray] = []
    for before, now, after in zip(answers, answers[1:], answers[2:], strict=False):
        at_of = [one.places() for one in (before, now, after)]
        for key in at_of[0].keys() & at_of[1].keys() & at_of[2].keys():
            at = [places[key] for places in at_of]
            xy = [one.keypoints_xy[k].astype(np.float64) for one, k in zip((before, now, after), at, strict=True)]
            sure = np.min([one.scores[k] for one, k in zip((before, now, after), at, strict=True)], axis=0) >= least
            sizes.append(np.linalg.norm(xy[2] - 2 * xy[1] + xy[0], axis=1)[sure])
    every = np.concatenate(sizes) if sizes else np.zeros(0)
    return float(every.mean()) if every.size else float("nan")
