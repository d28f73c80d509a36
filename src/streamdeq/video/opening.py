"""`open_source`: from what a user writes to a source of frames."""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.video.arrays import array_source
from streamdeq.video.files import VideoFileSource
from streamdeq.video.images import IMAGE_SUFFIXES, ImageSource, folder_source, glob_source
from streamdeq.video.live import LivePolicy, LiveSource, parse_address
from streamdeq.video.source import Source

Spec = str | int | os.PathLike[str] | Iterable[np.ndarray] | Source


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
    if isinstance(spec, Source):
        return spec
    address = parse_address(spec)
    if address is not None:
        return LiveSource(address, live)
    if isinstance(spec, str | os.PathLike):
        return path_source(os.fspath(spec), fps)
    if isinstance(spec, Iterable) and not isinstance(spec, bytes):
        return array_source(spec, fps)
    raise StreamdeqError(f"no video, image folder or array sequence: {spec!r}")


def path_source(name: str, fps: float | None) -> Source:
    """A path wins over a pattern: a folder may well be called `[new]`."""
    path = Path(name).expanduser()
    if path.is_dir():
        return folder_source(path, fps)
    if not os.path.lexists(path):
        if any(sign in name for sign in "*?["):
            return glob_source(str(path), fps)
        raise StreamdeqError(missing(path))
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageSource([path], path.name, fps)
    return VideoFileSource(path, fps)


def missing(path: Path) -> str:
    """One line on a path that is not there, with the nearest name that is."""
    try:
        names = os.listdir(path.parent)
    except OSError:
        return f"no file or folder {path}: check the path"
    near = get_close_matches(path.name, names, n=1)
    return f"no file or folder {path}: " + (f"did you mean '{near[0]}'?" if near else "check the path")
