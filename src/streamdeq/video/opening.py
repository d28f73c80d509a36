"""From what a user writes to a source. Knows which room reads what; reads nothing itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.video.arrays import ArraySource
from streamdeq.video.files import VideoFileSource
from streamdeq.video.images import IMAGE_SUFFIXES, ImageSource, folder_source, glob_source
from streamdeq.video.live import LivePolicy, LiveSource, parse_address
from streamdeq.video.source import Source

Spec = str | int | os.PathLike[str] | Iterable[np.ndarray] | Source
Opener = Callable[[Spec, float | None], Source | None]


def open_source(spec: Spec, fps: float | None = None, live: LivePolicy | None = None) -> Source:
    """Open whatever `spec` names.

    Args:
        spec: the path of a video file, an image, a folder of images, a shell pattern of images, an iterable of
            (H, W, 3) uint8 arrays, or a source, which is given back. Live: the number of a camera (`0`, "0"), or
            an rtsp(s), http(s), tcp or udp address; `rtsp://HOST:PORT/PATH?listen` and `tcp://HOST:PORT?listen`
            wait for a publisher to connect. Live sources are connected when iteration begins, not here.
        fps: frames per second of what has no clock of its own (images, arrays, raw streams); 25 where not given.
        live: which frames a live source hands out, and how long it is waited for; files hand out every frame.

    Raises:
        StreamdeqError: nothing that can be read is there.
    """
    address = parse_address(spec)
    if address is not None:
        return LiveSource(address, live)
    for opener in OPENERS:
        source = opener(spec, fps)
        if source is not None:
            return source
    raise StreamdeqError(f"no video, image folder or array sequence: {spec!r}")


def opened(spec: Spec, fps: float | None) -> Source | None:
    return spec if isinstance(spec, Source) else None


def arrays(spec: Spec, fps: float | None) -> Source | None:
    other = isinstance(spec, Source | str | bytes | os.PathLike)
    return None if other or not isinstance(spec, Iterable) else ArraySource(spec, fps)


def path(spec: Spec, fps: float | None) -> Source | None:
    """A path wins over a pattern: a folder may well be called `[new]`."""
    if not isinstance(spec, str | os.PathLike):
        return None
    where = Path(spec).expanduser()
    if where.is_dir():
        return folder_source(where, fps)
    if not os.path.lexists(where):
        if any(sign in str(spec) for sign in "*?["):
            return glob_source(str(where), fps)
        raise StreamdeqError(missing(where))
    if where.suffix.lower() in IMAGE_SUFFIXES:
        return ImageSource([where], where.name, fps)
    return VideoFileSource(where, fps)


def missing(where: Path) -> str:
    """One line on a path that is not there, with the nearest name that is."""
    try:
        names = os.listdir(where.parent)
    except OSError:
        return f"no file or folder {where}: check the path"
    near = get_close_matches(where.name, names, n=1)
    return f"no file or folder {where}: " + (f"did you mean '{near[0]}'?" if near else "check the path")


# Asked in this order; the first that knows the kind of thing opens it.
OPENERS: tuple[Opener, ...] = (opened, arrays, path)
