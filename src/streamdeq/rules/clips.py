"""Films around events: the seconds before are kept small in memory, the folder is kept within its quota."""

import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from streamdeq.files import ensure_folder, sweep
from streamdeq.rules.config import Clips
from streamdeq.values.frame import Frame
from streamdeq.video import VideoSink
from streamdeq.video.sinks.origin import made_here

#: Bytes of the pictures that wait for an event, as JPEG.
WAITING_BYTES = 64 << 20
QUALITY = 90
#: The names of clips: CAMERA-20260131T120000Z-RULE-EVENT.mp4.
NAME = re.compile(r".+-\d{8}T\d{6}Z-.+\.mp4")
DAY_S = 86_400.0
NOTHING = np.zeros((0, 0, 3), np.uint8)


class ClipRecorder(AbstractContextManager["ClipRecorder"]):
    """Takes every frame with its events, in order, and films what it is to.

    Args:
        fps: of the camera; None: unknown.
        now: the time, seconds since 1970.

    Raises:
        StreamdeqError: the folder cannot be written to; later, if the disk is full.
    """

    def __init__(self, clips: Clips, fps: float | None = None, now: Callable[[], float] = time.time) -> None:
        self._clips, self._fps, self._now = clips, fps, now
        self._folder = ensure_folder(clips.folder.expanduser())
        sweep(self._folder)
        self._before: deque[tuple[Frame, bytes]] = deque()
        self._bytes = 0
        self._film: VideoSink | None = None
        self._name = ""
        self._from_s = self._until_s = self._last_s = 0.0

    def take(self, frame: Frame, events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The events, each with the name of its film under `clip` where it has one."""
        if frame.time_s < self._last_s:  # the clock began anew
            self._finish()
            self._before.clear()
            self._bytes = 0
        self._last_s = frame.time_s
        if self._film and frame.time_s > self._until_s:
            self._finish()
        told = [{**event, "clip": self._begin(frame, event)} if self._filmed(event) else {**event} for event in events]
        if self._film:
            self._film.write(frame)
        self._keep(frame)
        return told

    def close(self) -> None:
        self._finish()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _filmed(self, event: Mapping[str, Any]) -> bool:
        return event["event"] in self._clips.events

    def _begin(self, frame: Frame, event: Mapping[str, Any]) -> str:
        """Begin a film, or go on with the one at hand; its name."""
        if self._film is None:
            self._name = self._free_name(event)
            self._film = VideoSink(self._folder / self._name, fps=self._fps)
            self._from_s = frame.time_s
            for former, picture in self._before:
                if self._before_it(former, frame):
                    with Image.open(BytesIO(picture)) as image:
                        self._film.write(replace(former, image=np.asarray(image)))
        self._until_s = min(frame.time_s + self._clips.after_s, self._from_s + self._clips.longest_s)
        return self._name

    def _free_name(self, event: Mapping[str, Any]) -> str:
        """Of a camera, a time, a rule and an event, as far as file names can hold them."""
        parts = (event["camera"], f"{datetime.fromtimestamp(event['at'], UTC):%Y%m%dT%H%M%SZ}", event["rule"])
        stem = "-".join(re.sub(r"[^\w.]+", "_", part)[:60] for part in (*parts, event["event"]))
        names = (f"{stem}{number}.mp4" for number in ("", *(f"-{n}" for n in range(2, 1_000_000))))
        return next(name for name in names if not (self._folder / name).exists())

    def _keep(self, frame: Frame) -> None:
        if not self._clips.before_s:
            return
        file = BytesIO()
        Image.fromarray(np.ascontiguousarray(frame.image)).save(file, "jpeg", quality=QUALITY)
        self._before.append((replace(frame, image=NOTHING), file.getvalue()))
        self._bytes += file.tell()
        while self._bytes > WAITING_BYTES or not self._before_it(self._before[0][0], frame):
            self._bytes -= len(self._before.popleft()[1])

    def _before_it(self, former: Frame, frame: Frame) -> bool:
        return frame.time_s - former.time_s <= self._clips.before_s + 1e-6  # what rounding adds

    def _finish(self) -> None:
        film, self._film = self._film, None
        if film is not None:
            film.close()
            self._prune()

    def _prune(self) -> None:
        """Delete the oldest films, as far as they are too old or too much; never what was not made here."""
        found = []
        for path in self._folder.iterdir():
            if NAME.fullmatch(path.name):
                with suppress(OSError):  # gone meanwhile
                    about = path.stat()
                    found.append((about.st_mtime, about.st_size, path))
        total, oldest_s = 0, self._now() - (self._clips.keep_days or np.inf) * DAY_S
        for modified_s, size, path in sorted(found, reverse=True):
            total += size
            if (total > self._clips.quota_mb * 1e6 or modified_s < oldest_s) and made_here(path):
                path.unlink(missing_ok=True)
