"""Sources as people have them in Python: pictures of any kind too, by themselves and in lists."""

import os
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
from PIL import Image

from streamdeq.errors import StreamdeqError
from streamdeq.pictures import as_rgb
from streamdeq.video.opening import open_source
from streamdeq.video.source import Source


def in_memory(source: Any) -> bool:
    """A picture, or a number of them that is known: no generator."""
    return isinstance(source, list | tuple | np.ndarray | Image.Image) or _is_tensor(source)


def several(source: Any) -> bool:
    """Whether it is a list of sources rather than one; pictures in a list are one."""
    return isinstance(source, list | tuple) and any(isinstance(one, str | os.PathLike | int) for one in source)


def opened(source: Any, bgr: bool) -> Source:
    """Of whatever `open_source` takes, a picture, or any iterable of pictures.

    Args:
        bgr: as for `as_rgb`.

    Raises:
        StreamdeqError: none of these.
    """
    if isinstance(source, str | int | os.PathLike | Source):
        return open_source(source)
    if isinstance(source, Image.Image) or ((isinstance(source, np.ndarray) or _is_tensor(source)) and source.ndim < 4):
        return open_source([as_rgb(source, bgr=bgr)])
    if not isinstance(source, Iterable):
        raise StreamdeqError(f"no picture, video, folder or address: {source!r}")
    return open_source(as_rgb(image, bgr=bgr) for image in source)


def _is_tensor(source: Any) -> bool:
    torch = sys.modules.get("torch")  # whoever has a tensor has it
    return torch is not None and isinstance(source, torch.Tensor)
