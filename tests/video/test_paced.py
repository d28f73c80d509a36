"""A stored source as a camera, on a clock of the test's own."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from streamdeq.values.frame import Failure, Frame
from streamdeq.video import Paced, Source, open_source
from streamdeq.video.source import SourceInfo, StoredSource


class Clock:
    """Waits by going on."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class OnClock(Paced):
    """Whose waits are the clock's."""

    def __init__(self, source: Source, reopen=None) -> None:
        self.clock = Clock()
        super().__init__(source, reopen, self.clock)
        self._stop = Stop(self.clock)  # type: ignore[assignment]


class Stop(threading.Event):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.now_s += timeout or 0.0
        return self.is_set()


def pictures(count: int) -> list[np.ndarray]:
    return [np.full((4, 6, 3), n, np.uint8) for n in range(count)]


def first(camera: Paced, count: int) -> list[Frame]:
    found = []
    with camera:
        for item in camera:
            assert isinstance(item, Frame)
            found.append(item)
            if len(found) == count:
                break
    return found


def test_frames_come_when_their_time_has_come():
    frames = first(OnClock(open_source(pictures(5), fps=10)), 5)
    assert [frame.captured_s for frame in frames] == pytest.approx([100.0, 100.1, 100.2, 100.3, 100.4])
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]


def test_it_ends_with_its_source_unless_it_is_opened_again():
    assert len(list(OnClock(open_source(pictures(3), fps=10)))) == 3


def test_numbers_and_times_go_on_from_one_beginning_to_the_next():
    frames = first(OnClock(open_source(pictures(3), fps=10), lambda: open_source(pictures(3), fps=10)), 8)
    assert [frame.index for frame in frames] == list(range(8))
    assert [frame.time_s for frame in frames] == pytest.approx([n / 10 for n in range(8)])
    assert [frame.captured_s for frame in frames] == pytest.approx([100 + n / 10 for n in range(8)])
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [0, 1, 2, 0, 1, 2, 0, 1]


def test_who_is_far_behind_goes_on_from_now_instead_of_hurrying():
    camera = OnClock(open_source(pictures(6), fps=10))
    captured = []
    for n, item in enumerate(camera):
        assert isinstance(item, Frame)
        captured.append(item.captured_s)
        camera.clock.now_s += 30 if n == 1 else 0
    assert captured == pytest.approx([100.0, 100.1, 130.1, 130.2, 130.3, 130.4])


def test_failures_have_numbers_too_and_are_counted():
    def items() -> Iterator[Frame | Failure]:
        yield Frame(pictures(1)[0], 0, 0.0)
        yield Failure(1, "damaged")
        yield Frame(pictures(1)[0], 2, 0.2)

    def opened() -> Source:
        return StoredSource(SourceInfo("a", "video", fps=10), items(), lambda: None)

    camera = OnClock(opened(), opened)
    indices = []
    for item in camera:
        assert isinstance(item, Frame | Failure)
        indices.append(item.index)
        if len(indices) == 6:
            camera.close()
    assert indices == [0, 1, 2, 3, 4, 5]
    assert (camera.stats.frames, camera.stats.failed, camera.stats.decoded) == (4, 2, 6)


def test_closing_it_ends_a_wait_at_once():
    camera = Paced(open_source(pictures(2), fps=0.01))
    taken = iter(camera)
    next(taken)
    threading.Timer(0.05, camera.close).start()
    assert next(taken, None) is None
