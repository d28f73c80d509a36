"""People's marks of joints, vetted and filled by a network's: what is kept, filled in, taken away, turned around."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from movenet import NAMES as THEIRS

from streamdeq.data.prepare.lspet_crops import NAMES
from streamdeq.data.prepare.writing import mirrored

#: Where each of our joints is among theirs; -1: they have none (neck, head top).
PLACES = np.array([THEIRS.index(name) if name in THEIRS else -1 for name in NAMES])
#: Our joints with left and right changed.
OTHER_SIDE = np.arange(len(NAMES))
for _right, _left in mirrored(NAMES, "right", "left"):
    _pair = [NAMES.index(_right), NAMES.index(_left)]
    OTHER_SIDE[_pair] = _pair[::-1]


@dataclass(frozen=True)
class Vetting:
    """Distances are shares of the person's larger extent.

    Args:
        sure: the network's score from which on its joint counts.
        agree: what is nearer is the same place.
        turned: left and right are changed if that makes the mean distance so many times as small.
        least: joints that a picture must keep.
        doubtful: a picture with more marks that the network contradicts shows somebody else to it.
    """

    sure: float = 0.4
    agree: float = 0.12
    turned: float = 0.5
    least: int = 8
    doubtful: int = 4


def vetted(marks: np.ndarray, seen: np.ndarray, extent: float, rule: Vetting) -> tuple[np.ndarray | None, Counter[str]]:
    """Joints (14, 2), NaN where nothing is known, of people's `marks` (14, 2) and of what the network has `seen`
    (17, 3): x, y, score; None for a picture to leave out. And how many of each kind. All are in the same pixels.

    A mark that the network is not sure of stays; one that it contradicts is taken away, as neither may be right.
    """
    theirs = np.full_like(marks, np.nan)
    sure = (PLACES >= 0) & (seen[PLACES, 2] >= rule.sure)
    theirs[sure] = seen[PLACES[sure], :2]
    count: Counter[str] = Counter()
    mine = marks
    if _apart(marks[OTHER_SIDE], theirs) < rule.turned * _apart(marks, theirs):
        mine = marks[OTHER_SIDE]
        count["people turned around"] += 1
    marked = ~np.isnan(mine[:, 0])
    away = np.hypot(*(mine - theirs).T) / extent
    with np.errstate(invalid="ignore"):
        contradicted = marked & sure & ~(away <= rule.agree)
    joints = np.where((sure & ~marked)[:, None], theirs, mine)
    joints[contradicted] = np.nan
    count["joints kept"] += int((marked & ~contradicted).sum())
    count["joints filled in"] += int((sure & ~marked).sum())
    count["joints taken away"] += int(contradicted.sum())
    if contradicted.sum() > rule.doubtful or (~np.isnan(joints[:, 0])).sum() < rule.least:
        return None, Counter({"pictures left out": 1})
    return joints, count + Counter(pictures=1)


def _apart(marks: np.ndarray, theirs: np.ndarray) -> float:
    """Mean distance of what both have; 0 where that is nothing."""
    away = np.hypot(*(marks - theirs).T)
    return float(away[~np.isnan(away)].mean()) if (~np.isnan(away)).any() else 0.0
