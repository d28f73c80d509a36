"""Each camera's newest frame with its answer drawn on it, as JPEG: made when somebody asks, and once for all who do."""

import threading

from streamdeq.serving.server import Server
from streamdeq.serving.web.jpeg import LONGEST, jpeg

#: Longer sides in pixels that pictures are made in; what is asked for gets the next larger one.
SIZES = (320, 640, 960, LONGEST)


class Picture:
    """The newest picture of one camera; what `mjpeg.motion_jpeg` takes."""

    def __init__(self, server: Server, name: str) -> None:
        self._server, self._name = server, name
        self._lock = threading.Lock()
        self._number = 0
        self._encoded: dict[int, bytes] = {}

    @property
    def newest(self) -> int:
        published = self._server.latest(self._name)
        return 0 if published is None else published.result.status.frame_index + 1

    @property
    def finished(self) -> bool:
        """Whether the camera is gone."""
        return self._name not in self._server.cameras()

    def picture(self, longest: int = LONGEST) -> tuple[int, bytes]:
        """Its number, and a JPEG of about `longest` pixels; (0, b"") before the first."""
        size = next((size for size in SIZES if size >= longest), LONGEST)
        with self._lock:
            published = self._server.latest(self._name)
            if published is None:
                return 0, b""
            number = published.result.status.frame_index + 1
            if number != self._number:
                self._number, self._encoded = number, {}
            if size not in self._encoded:
                self._encoded[size] = jpeg(published.picture(), size)
            return number, self._encoded[size]


class Pictures:
    """Those of all cameras, by name."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._pictures: dict[str, Picture] = {}

    def of(self, name: str) -> Picture:
        """The same for all who ask; those of cameras that are gone are forgotten."""
        there = self._server.cameras().keys()
        self._pictures = {known: one for known, one in self._pictures.items() if known in there}
        return self._pictures.setdefault(name, Picture(self._server, name))
