"""Draws detections on their frame with supervision's annotators."""

from typing import Any

import numpy as np

from streamdeq.tasks.detection.result import Detections
from streamdeq.tasks.drawing import check_frame, supervision


def boxes_and_labels(image: np.ndarray, result: Detections) -> np.ndarray:
    """The frame (H, W, 3) uint8 RGB with every box, its class and score (with tracking, its id), as a new array.

    Raises:
        StreamdeqError: the picture is not the frame the boxes are of; supervision is not installed.
    """
    check_frame(image, result.frame_hw, "boxes")
    sv, scene = supervision("boxes", "detection"), image.copy()
    detections = result.to_supervision()
    style = _style(sv, result)
    scene = sv.BoxAnnotator(thickness=max(1, min(result.frame_hw) // 240), **style).annotate(scene, detections)
    size = max(0.3, min(result.frame_hw) / 1000)
    labels = sv.LabelAnnotator(text_scale=size, text_padding=max(2, round(10 * size)), smart_position=False, **style)
    return np.ascontiguousarray(labels.annotate(scene, detections, labels=captions(result)))


def captions(result: Detections) -> list[str]:
    """`person 0.87`, or `#3 person 0.87`."""
    ids = [""] * len(result) if result.ids is None else [f"#{own} " if own >= 0 else "" for own in result.ids]
    return [f"{own}{name} {score:.2f}" for own, name, score in zip(ids, result.names, result.scores, strict=True)]


def _style(sv: Any, result: Detections) -> dict[str, Any]:
    """A colour per class, or with tracking per object. supervision's colours are RGB, the frame here is too."""
    if result.ids is not None:
        return {"color": sv.ColorPalette.DEFAULT, "color_lookup": sv.ColorLookup.TRACK}
    # Its annotators paint for BGR pictures.
    colours = [sv.Color(r=b, g=g, b=r) for r, g, b in result.palette]
    return {"color": sv.ColorPalette(colours), "color_lookup": sv.ColorLookup.CLASS}
