"""What two detectors agree on is a label, what only one of them is sure of is doubtful."""

from dataclasses import dataclass

import numpy as np
from detectors import Found

from streamdeq.values.boxes import pairwise_iou


@dataclass(frozen=True)
class Agreement:
    """When two boxes are of one object.

    Args:
        iou: at least so much of them is common.
        mean: of their scores, at least.
        each: each score, at least.
        sure: a box from this score on that the other does not have is doubtful.
    """

    iou: float = 0.6
    mean: float = 0.45
    each: float = 0.3
    sure: float = 0.45


def agreed(first: Found, second: Found, rule: Agreement) -> tuple[Found, Found]:
    """The objects that both know, each box their mean weighted by their scores; and the doubtful boxes.

    Pairs are made within a class, the best overlap first; a box is in one pair at most. What is doubtful and lies on an
    agreed object of any class, by the rule's IoU, is that object told twice, and not doubtful.
    """
    a, b = first.above(rule.each), second.above(rule.each)
    common = np.where(a.labels[:, None] == b.labels[None], pairwise_iou(a.xyxy, b.xyxy), 0.0)
    pairs: list[tuple[int, int]] = []
    while common.size and common.max() >= rule.iou:
        i, j = np.unravel_index(common.argmax(), common.shape)
        pairs.append((int(i), int(j)))
        common[i], common[:, j] = 0.0, 0.0
    both = [(i, j) for i, j in pairs if (a.scores[i] + b.scores[j]) / 2 >= rule.mean]
    known = _joined(a, b, both)
    alone = [
        one[np.array([k for k in range(len(one)) if k not in used and one.scores[k] >= rule.sure], np.int64)]
        for one, used in ((a, {i for i, _ in pairs}), (b, {j for _, j in pairs}))
    ]
    doubtful = _together(alone)
    told = pairwise_iou(doubtful.xyxy, known.xyxy).max(axis=1, initial=0.0) >= rule.iou
    return known, doubtful[~told]


def _joined(a: Found, b: Found, pairs: list[tuple[int, int]]) -> Found:
    i, j = (np.array(side, np.int64) for side in (zip(*pairs, strict=True) if pairs else ((), ())))
    weight = (a.scores[i] / (a.scores[i] + b.scores[j]))[:, None]
    xyxy = weight * a.xyxy[i] + (1 - weight) * b.xyxy[j]
    return Found(xyxy.astype(np.float32), a.labels[i], (a.scores[i] + b.scores[j]) / 2)


def _together(parts: list[Found]) -> Found:
    return Found(*(np.concatenate([getattr(one, name) for one in parts]) for name in ("xyxy", "labels", "scores")))
