"""The reference implementation's figures: pycocotools on answers and annotations made in a test."""

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def coco_stats(kind: str, results: Sequence[Any], annotations: list[dict], classes: Sequence[str]) -> np.ndarray:
    """COCOeval's `stats`, 0..1: of "bbox" or "keypoints".

    Args:
        results: the answer for each picture, with `to_coco`; pictures are numbered from 1.
        annotations: COCO's, of all pictures; categories are numbered from 1 in the order of `classes`.
    """
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": n} for n in range(1, len(results) + 1)],
        "annotations": annotations,
        "categories": [{"id": k, "name": name} for k, name in enumerate(classes, start=1)],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        answers = truth.loadRes([one for n, result in enumerate(results, 1) for one in result.to_coco(n)])
        evaluation = COCOeval(truth, answers, kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats
