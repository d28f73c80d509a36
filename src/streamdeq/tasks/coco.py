"""Average precision as COCO defines it, by faster-coco-eval, which gives pycocotools' numbers."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np


def evaluation(
    truth: dict[str, Any], found: list[dict[str, Any]], kind: Literal["bbox", "keypoints"], **options: Any
) -> Any:
    """An evaluator that has not run yet.

    Args:
        truth: labels as `labels_of` makes them; found: results in COCO's form.
    """
    from faster_coco_eval import COCO
    from faster_coco_eval.core.faster_eval_api import COCOeval_faster

    labels = COCO(truth, print_function=_say_nothing)
    return COCOeval_faster(labels, labels.loadRes(found), kind, print_function=_say_nothing, **options)


def labels_of(images: int, annotations: Sequence[dict[str, Any]], categories: list[dict[str, Any]]) -> dict[str, Any]:
    """COCO's JSON; images and annotations are numbered from 1."""
    numbered = [{"id": n, **annotation} for n, annotation in enumerate(annotations, start=1)]
    return {"images": [{"id": n} for n in range(1, images + 1)], "annotations": numbered, "categories": categories}


def mean_precision(precision: np.ndarray) -> float:
    """In points, over the entries that are defined; NaN where none is."""
    defined = precision[precision > -1]
    return 100 * float(defined.mean()) if defined.size else math.nan


def _say_nothing(*words: object) -> None:
    pass
