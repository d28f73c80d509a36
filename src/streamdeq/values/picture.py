"""The picture that an answer is about."""

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError


class Picture:
    """The frame that an answer is about, and how the answer is drawn on it.

    It does not keep the frame: that goes when its stream goes on and nobody else has it, but for `kept`.
    """

    def __init__(self, image: np.ndarray, draw: Callable[..., np.ndarray], keep: bool = False) -> None:
        self.draw = draw
        self._held = image if keep else None
        self._seen = weakref.ref(image)

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB.

        Raises:
            StreamdeqError: it is gone.
        """
        image = self._seen()
        if image is None:
            raise StreamdeqError(
                "the frame of this answer is gone, for the stream went on: draw at once, or take result.kept() there"
            )
        return image

    def kept(self) -> "Picture":
        return Picture(self.image, self.draw, keep=True)

    def __deepcopy__(self, memo: Any) -> "Picture":
        return self

    def __reduce__(self) -> Any:
        """To another process goes nothing of it."""
        return _nothing, ()


def _nothing() -> None:
    return None
