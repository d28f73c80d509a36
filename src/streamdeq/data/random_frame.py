"""A random frame of a data set: what a stream is begun from that shows something else."""

import numpy as np

from streamdeq.data.base import Clip, Dataset
from streamdeq.errors import StreamdeqError


def random_frame(dataset: Dataset, rng: np.random.Generator, apart_from: Clip | None = None) -> np.ndarray:
    """(H, W, 3) uint8 of a clip, each as likely, and in it of any frame, labelled or not.

    Args:
        apart_from: a clip whose film is left out.

    Raises:
        StreamdeqError: there is no other film.
    """
    clips = [clip for clip in dataset.clips if apart_from is None or clip.film is not apart_from.film]
    if not clips:
        raise StreamdeqError(
            f"expected a clip of another film to start from in split '{dataset.split}' of {dataset.name}, found none; "
            "name another data set (--start-from)"
        )
    clip = clips[int(rng.integers(len(clips)))]
    return clip.image(int(rng.integers(len(clip))))
