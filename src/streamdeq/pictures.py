"""Pictures as people have them, as (H, W, 3) uint8 RGB."""

import sys
from typing import Any

import numpy as np
from PIL import Image

from streamdeq.errors import StreamdeqError


def as_rgb(image: Any, *, bgr: bool = False) -> np.ndarray:
    """A picture as (H, W, 3) uint8 RGB; an array that is that already is given back as it is.

    Args:
        image: an array or tensor (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), or a tensor with its channels first; uint8,
            or floating point in 0–1. Or a picture of Pillow's. An alpha channel is left out.
        bgr: colours come as OpenCV has them.

    Raises:
        StreamdeqError: nothing of that kind.
    """
    if isinstance(image, Image.Image):
        return np.asarray(image.convert("RGB"))
    array = image
    torch = sys.modules.get("torch")  # whoever has a tensor has it; processes that only read video have not
    if torch is not None and isinstance(image, torch.Tensor):
        array = image.detach().cpu().numpy()
        if array.ndim == 4 and len(array) == 1:
            array = array[0]
        if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (1, 3, 4):
            array = array.transpose(1, 2, 0)
    if not isinstance(array, np.ndarray):
        raise StreamdeqError(f"a frame must be an (H, W, 3) uint8 RGB array; got {type(image).__name__}")
    came = f"{array.dtype} {array.shape}"
    fits = array.size and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4)))
    unit = np.issubdtype(array.dtype, np.floating) and fits and 0 <= array.min() <= array.max() <= 1
    if not fits or not (array.dtype == np.uint8 or unit):
        raise StreamdeqError(f"a frame must be an (H, W, 3) uint8 RGB array; got {came}")
    if unit:
        array = (array * 255).round().astype(np.uint8)
    if array.ndim == 2 or array.shape[2] == 1:
        array = np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    if array.shape[2] == 4:
        array = np.ascontiguousarray(array[..., :3])
    return np.ascontiguousarray(array[..., ::-1]) if bgr else array
