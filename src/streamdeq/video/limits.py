"""How large the pictures are that are decoded."""

from streamdeq.errors import StreamdeqError

#: Pixels of a picture at the most: 8192 × 4320, "8K" in all its forms. 100 MB as RGB.
MAX_PIXELS = 8192 * 4320


def check_pixels(what: str, width: int, height: int, max_pixels: int) -> None:
    """Raises StreamdeqError if a picture of `what` is larger than allowed."""
    if width * height > max_pixels:
        size = f"{width}×{height} pixels, more than {max_pixels / 1e6:.3g} million"
        raise StreamdeqError(f"{what} has pictures of {size}: make them smaller, or raise the limit (--max-pixels)")
