"""How large the pictures are that are decoded."""

from streamdeq.errors import StreamdeqError
from streamdeq.values import MAX_PIXELS as MAX_PIXELS


def check_pixels(what: str, width: int, height: int, max_pixels: int) -> None:
    """Raises StreamdeqError if a picture of `what` is larger than allowed."""
    if width * height > max_pixels:
        size = f"{width}×{height} pixels, more than {max_pixels / 1e6:.3g} million"
        raise StreamdeqError(f"{what} has pictures of {size}: make them smaller, or raise the limit (--max-pixels)")
