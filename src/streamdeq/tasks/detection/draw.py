"""Draws detections on their frame: boxes as thin as they are small, and labels that avoid one another."""

import numpy as np
from PIL import Image, ImageDraw

from streamdeq.tasks.detection.result import Detections
from streamdeq.tasks.drawing import check_frame
from streamdeq.tasks.labels import put_labels
from streamdeq.values import UNKNOWN
from streamdeq.values.look import USUAL, Look
from streamdeq.values.palette import RGB, distinct_colours

#: Of objects with ids; then they begin anew.
COLOURS = distinct_colours(24)


def boxes_and_labels(image: np.ndarray, result: Detections, look: Look = USUAL) -> np.ndarray:
    """The frame (H, W, 3) uint8 RGB with every box, its class and score (with tracking, its id), as a new array.

    Raises:
        StreamdeqError: the picture is not the frame the boxes are of.
    """
    check_frame(image, result.frame_hw, "boxes")
    picture = Image.fromarray(image)
    draw, colours = ImageDraw.Draw(picture), [colour_of(result, n) for n in range(len(result))]
    thickest = max(1, min(result.frame_hw) // 240)
    for n in reversed(range(len(result))):  # the best is on top
        left, top, right, bottom = np.rint(result.boxes_xyxy[n]).astype(int).tolist()
        width = min(thickest, max(1, min(right - left, bottom - top) // 24))
        draw.rectangle((left, top, max(left, right), max(top, bottom)), outline=colours[n], width=width)
    texts = captions(result, look)
    said = [n for n, text in enumerate(texts) if text]
    put_labels(draw, result.frame_hw, result.boxes_xyxy[said], [texts[n] for n in said], [colours[n] for n in said])
    return np.array(picture)


def captions(result: Detections, look: Look = USUAL) -> list[str]:
    """`person 0.87`, or `#3 person 0.87`."""
    told = []
    for n, (name, score) in enumerate(zip(result.names, result.scores, strict=True)):
        own = UNKNOWN if result.ids is None else int(result.ids[n])
        parts = (f"#{own}" * (own != UNKNOWN and "ids" in look.draw), name * ("names" in look.draw))
        told.append(" ".join(filter(None, (*parts, f"{score:.2f}" * ("scores" in look.draw)))))
    return told


def colour_of(result: Detections, n: int) -> RGB:
    """A colour per class, or with tracking per object."""
    if result.ids is None:
        return result.palette[int(result.labels[n])]
    return COLOURS[int(result.ids[n]) % len(COLOURS)] if result.ids[n] != UNKNOWN else (150, 150, 150)
