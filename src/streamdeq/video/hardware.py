"""Decoding by a video unit instead of the processor: NVIDIA's, Intel's, Apple's, whatever FFmpeg knows.

The variable `STREAMDEQ_DECODER` names it (`cuda`, `vaapi`, `qsv`, `videotoolbox`, …), for the processes that read live
sources as well. What the unit cannot decode, and everything where there is none, is decoded by the processor: pictures
are the same but for rounding of colours.
"""

import logging
import os
from collections.abc import Callable
from functools import cache
from typing import Any

from av.codec import Codec
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.error import FFmpegError

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

VARIABLE = "STREAMDEQ_DECODER"
log = logging.getLogger("streamdeq.video")


def decoding(open_: Callable[..., Any]) -> Any:
    """What `open_(hwaccel=…)` opens, with the unit if one is named and there, else without.

    Raises:
        StreamdeqError: the variable names no kind of unit that this FFmpeg knows.
    """
    kind = os.environ.get(VARIABLE, "")
    if not kind:
        return open_()
    known = hwdevices_available()
    if kind not in known:
        raise StreamdeqError(unknown(VARIABLE, kind, known))
    if not _there(kind):
        return open_()
    return open_(hwaccel=HWAccel(kind))


@cache
def _there(kind: str) -> bool:
    """Whether such a unit can be opened; told once if not."""
    try:
        HWAccel(kind).create(Codec("h264", "r"))
    except (FFmpegError, OSError, NotImplementedError) as error:
        log.warning("%s=%s: no such unit can be used here (%s): the processor decodes", VARIABLE, kind, error)
        return False
    return True
