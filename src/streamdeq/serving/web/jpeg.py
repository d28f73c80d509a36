"""Pictures as JPEG, small enough for a page."""

from io import BytesIO

import numpy as np
from PIL import Image

#: The longer side in pixels that is sent at the most.
LONGEST = 1920
QUALITY = 80


def jpeg(picture: np.ndarray, longest: int = LONGEST) -> bytes:
    """(H, W, 3) uint8 RGB → a JPEG file, in whole fractions of its size where its longer side is above `longest`."""
    # Every n-th pixel: a filter would cost three times what the encoding does, 30 times a second.
    every = -(-max(picture.shape[:2]) // longest)
    image = Image.fromarray(np.ascontiguousarray(picture[::every, ::every]))
    file = BytesIO()
    image.save(file, "jpeg", quality=QUALITY)
    return file.getvalue()
