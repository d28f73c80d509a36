"""`open_source`: from what a user writes to a source of frames."""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.video.arrays import array_source
from streamdeq.video.files import video_file
from streamdeq.video.images import IMAGE_SUFFIXES, ImageSource, folder_source, glob_source, image_file
from streamdeq.video.limits import MAX_PIXELS
from streamdeq.video.live import LivePolicy, LiveSource, parse_address
from streamdeq.video.pipes import is_read_once
from streamdeq.video.source import Source
from streamdeq.video.web import web_file

Spec = str | int | os.PathLike[str] | Iterable[np.ndarray] | Source


def open_source(
    spec: Spec, fps: float | None = None, live: LivePolicy | None = None, max_pixels: int = MAX_PIXELS
) -> Source:
    """Open whatever `spec` names.

    Args:
        spec: the path of a video file, a pipe ("-" is standard input), an image, a folder of images, a shell pattern
            of images, an iterable of (H, W, 3) uint8 arrays, or a source, which is given back. Live: the number of a
            camera (`0`, "0"), or an rtsp(s), http(s), tcp or udp address; `rtsp://HOST:PORT/PATH?listen` and
            `tcp://HOST:PORT?listen` wait for a publisher to connect. Live sources are connected when iteration
            begins, not here; web servers are asked here whether what they have is a file.
        fps: frames per second of what has no clock of its own (images, arrays, raw streams); 25 where not given.
        max_pixels: files with larger pictures are refused before these are decoded.
        live: which frames a live source hands out, and how long it is waited for; files hand out every frame.

    Raises:
        StreamdeqError: nothing that can be read is there.
    """
    if isinstance(spec, Source):
        return spec
    address = parse_address(spec)
    if address is not None:
        policy = live or LivePolicy()
        file = web_file(address, policy, fps, max_pixels) if address.kind in ("http", "https") else None
        return file or LiveSource(address, policy)
    if isinstance(spec, str | os.PathLike):
        return path_source(os.fspath(spec), fps, max_pixels)
    if isinstance(spec, Iterable) and not isinstance(spec, bytes):
        return array_source(spec, fps)
    raise StreamdeqError(f"no video, image folder or array sequence: {spec!r}")


def path_source(name: str, fps: float | None, max_pixels: int) -> Source:
    """A path wins over a pattern: a folder may well be called `[new]`."""
    if is_read_once(name):
        return video_file(name, fps, max_pixels)
    path = Path(name).expanduser()
    if path.is_dir():
        return folder_source(path, fps, max_pixels)
    if not os.path.lexists(path):
        if any(sign in name for sign in "*?["):
            return glob_source(str(path), fps, max_pixels)
        raise StreamdeqError(missing(path))
    # What is in a file decides, not how it is called.
    image = image_file(path, fps, max_pixels)
    if image is not None:
        return image
    try:
        return video_file(path, fps, max_pixels)
    except StreamdeqError:
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            raise
        return ImageSource([path], path.name, fps, max_pixels)  # says what is wrong with it


def missing(path: Path) -> str:
    """One line on a path that is not there, with the nearest name that is."""
    try:
        names = os.listdir(path.parent)
    except OSError:
        return f"no file or folder {path}: check the path"
    near = get_close_matches(path.name, names, n=1)
    return f"no file or folder {path}: " + (f"did you mean '{near[0]}'?" if near else "check the path")
