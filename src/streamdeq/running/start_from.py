"""The picture that a run with the start `other` begins from: a random one of what the user names."""

from pathlib import Path

import numpy as np

from streamdeq.data.random_frame import random_frame
from streamdeq.data.randomness import generator
from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Frame
from streamdeq.video import open_source


def picture_from(spec: str, seed: int = 0, allow_outside: bool = False) -> np.ndarray:
    """(H, W, 3) uint8: of a data set's `val` split, of a video, or of a folder of pictures; the same for the same seed.

    Raises:
        StreamdeqError: none of them, or there is no picture in it.
    """
    from streamdeq.data.open import SYNTHETIC, open_dataset  # all readers, which no other run needs

    rng = generator(seed, "other", 0)
    if spec.split(":")[0] == SYNTHETIC:
        return random_frame(open_dataset(spec, "val"), rng)
    try:
        if Path(spec).is_dir():
            return random_frame(open_dataset(spec, "val", allow_outside=allow_outside), rng)
    except StreamdeqError:
        pass  # pictures without labels
    chosen = None
    with open_source(spec) as source:
        for n, item in enumerate(one for one in source if isinstance(one, Frame)):
            if not rng.integers(n + 1):  # each of n + 1 as likely
                chosen = item.image
    if chosen is None:
        raise StreamdeqError(f"expected a picture to start from in {spec}, found none")
    return chosen
