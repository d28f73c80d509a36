"""Pictures as JPEG, small enough for a page. Knows no run."""

from io import BytesIO

import numpy as np
from PIL import Image

#: The longer side in pixels that is sent at the most.
LONGEST = 1280
QUALITY = 80


def jpeg(picture: np.ndarray) -> bytes:
    """(H, W, 3) uint8 RGB → a JPEG file, scaled down where it is larger than a page has room for."""
    image = Image.fromarray(picture)
    if max(image.size) > LONGEST:
        # A box first, which is quick, then the rest: a 4K frame costs little more than a small one.
        image.thumbnail((LONGEST, LONGEST), Image.Resampling.BILINEAR, reducing_gap=1.5)
    file = BytesIO()
    image.save(file, "jpeg", quality=QUALITY)
    return file.getvalue()
