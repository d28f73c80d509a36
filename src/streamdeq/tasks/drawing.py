"""What drawing answers takes: the right frame, and supervision, which is an extra. Knows no task."""

from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError


def supervision(what: str, extra: str) -> Any:
    """The module.

    Args:
        what: is drawn with it; extra: to be installed for that; both for the error.

    Raises:
        StreamdeqError: it is not installed.
    """
    try:
        import supervision as module
    except ImportError as error:
        raise StreamdeqError(
            f"{what} are drawn with supervision, which is not installed: pip install 'streamdeq[{extra}]'"
        ) from error
    return module


def check_frame(image: np.ndarray, frame_hw: tuple[int, ...], what: str) -> None:
    """Raises StreamdeqError if the picture is not the frame, (H, W, 3) uint8, that `what` are of."""
    if image.shape != (*frame_hw, 3) or image.dtype != np.uint8:
        h, w = frame_hw
        raise StreamdeqError(
            f"expected the frame the {what} are of, uint8 ({h}, {w}, 3), got {image.dtype} {image.shape}; draw on that"
        )
