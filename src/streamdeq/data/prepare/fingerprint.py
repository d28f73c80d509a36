"""Pictures that look alike, by a perceptual hash (pHash: signs of the lowest frequencies around their median)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

_SIDE, _LOW = 32, 8
#: Bits of 63 in which copies of a picture differ at most: scaled, compressed anew, the moment after. Among strangers
#: 3 in a million pairs are so near.
NEAR = 10


def fingerprint(picture: Image.Image) -> np.ndarray:
    """(63,) bool."""
    grey = picture.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    place, rate = np.arange(_SIDE), np.arange(_LOW)[:, None]
    cosines = np.cos(np.pi / _SIDE * (place + 0.5) * rate)  # the rows of a DCT, not normalised
    low = (cosines @ np.asarray(grey, np.float64) @ cosines.T).ravel()[1:]
    return low > np.median(low)


def near(files: Sequence[Path], others: Sequence[Path]) -> list[bool]:
    """Whether each of `files` looks like one of the `others`."""
    mine, theirs = _fingerprints(files), _fingerprints(others)
    return [bool(len(theirs) and (one != theirs).sum(axis=1).min() <= NEAR) for one in mine]


def _fingerprints(files: Sequence[Path]) -> np.ndarray:
    found = np.zeros((len(files), _LOW**2 - 1), bool)
    for row, file in zip(found, files, strict=True):
        with Image.open(file) as picture:
            row[:] = fingerprint(picture)
    return found
