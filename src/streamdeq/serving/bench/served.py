"""The server under a show: every camera a source that brings its frames when their time has come."""

import threading
import time
from collections.abc import Iterator
from typing import Any

from streamdeq.serving.bench.baselines import LEAD_S
from streamdeq.serving.bench.outcome import Answered, Outcome
from streamdeq.serving.bench.settings import CamerasSettings
from streamdeq.serving.bench.show import Show
from streamdeq.serving.server import CameraConfig, ModelConfig, Server, ServerConfig
from streamdeq.values.frame import Frame, Item
from streamdeq.video.source import Source, SourceInfo

#: Answers that are still on their way after the last frame came are waited for so long.
GRACE_S = 10.0


class Start:
    """When the show begins, on the monotonic clock; it is waited for."""

    def __init__(self) -> None:
        self._known = threading.Event()
        self._zero_s = 0.0

    def at(self, zero_s: float) -> None:
        self._zero_s = zero_s
        self._known.set()

    def zero_s(self) -> float:
        self._known.wait()
        return self._zero_s


class Arriving(Source):
    """One camera of a show; then it is silent until it is closed."""

    def __init__(self, show: Show, camera: int, start: Start) -> None:
        height, width = show.film(camera).images[0].shape[:2]
        super().__init__(SourceInfo(f"camera {camera}", "camera", True, show.fps, None, (height, width)))
        self._show, self._camera, self._start = show, camera, start
        self._stop = threading.Event()

    def _items(self) -> Iterator[Item]:
        zero_s = self._start.zero_s()
        for number, arrival in enumerate(self._show.tables[self._camera]):
            at_s = zero_s + arrival.at_s
            if self._stop.wait(max(0.0, at_s - time.monotonic())):
                return
            image = self._show.image(self._camera, number)
            yield Frame(image, number, arrival.at_s, None, None, captured_s=at_s)
        self._stop.wait()

    def close(self) -> None:
        self._stop.set()


def play_served(show: Show, model: Any, settings: CamerasSettings, most_steps: int) -> Outcome:
    """The whole show through the server."""
    config = ServerConfig({"main": ModelConfig("given", runtime=settings.runtime)}, overload=True)  # type: ignore[arg-type]
    conf = 0.0 if model.task.locates else None  # scored as they are, not as they are shown
    camera = CameraConfig(
        "given", deadline_ms=1e3 * show.deadline_s, max_steps=most_steps, conf=conf, size=settings.size
    )
    start, most = Start(), sum(map(len, show.tables))
    with Server(config, {"main": model}) as server, server.subscribe(most + 1) as answers:
        for number in range(show.cameras):
            server.add(f"c{number}", camera, lambda number=number: Arriving(show, number, start))
        zero_s = time.monotonic() + LEAD_S
        start.at(zero_s)
        last_s = zero_s + max(table[-1].at_s for table in show.tables)
        time.sleep(max(0.0, last_s - time.monotonic()))
        while time.monotonic() < last_s + GRACE_S and not _accounted(server, show):
            time.sleep(0.02)
        taken = [answers.get(0) for _ in range(most)]
        dropped = sum(report.dropped + report.failed for report in server.reports().values())
    return Outcome(
        tuple(
            Answered(int(one.camera[1:]), one.frame.index, one.answered_s - zero_s, one.result.status.nfe, one.result)
            for one in taken
            if one is not None
        ),
        dropped,
    )


def _accounted(server: Server, show: Show) -> bool:
    """Whether something has become of every frame of the show."""
    reports = server.reports()
    return all(reports[f"c{number}"].decoded == len(table) for number, table in enumerate(show.tables))
