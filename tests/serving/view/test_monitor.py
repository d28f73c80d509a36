"""Where run and page meet: figures kept, requests handed over, pictures drawn for who looks."""

import threading

import numpy as np
import pytest
from support.viewing import Pen, opened, status

from streamdeq.errors import StreamdeqError
from streamdeq.running.observer import AnnotatedFrame, Controls
from streamdeq.serving.view.controls import read_controls
from streamdeq.serving.view.monitor import HISTORY, RunMonitor
from streamdeq.serving.web.jpeg import jpeg
from streamdeq.values.status import Start


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_report_holds_what_is_newer_than_the_page_knows():
    monitor = RunMonitor()
    monitor.begin("street.mp4", 2, "previous")
    for index in range(5):
        monitor.see(AnnotatedFrame(Pen()), status(index, start=Start.COLD if index == 0 else Start.WARM))
    assert monitor.report()["points"][0] == (1, 2, 0.25, True)
    assert [number for number, *_ in monitor.report(since=3)["points"]] == [4, 5]
    assert monitor.report(since=5)["points"] == []
    assert monitor.report()["frames"] == 5


def test_a_residual_that_is_no_number_is_sent_as_none():
    monitor = RunMonitor()
    monitor.see(AnnotatedFrame(Pen()), status(0, residual=float("nan")))
    assert monitor.report()["points"] == [(1, 2, None, False)]


def test_history_is_bounded_however_long_the_run():
    monitor = RunMonitor()
    for index in range(3 * HISTORY):
        monitor.see(AnnotatedFrame(Pen()), status(index))
    points = monitor.report()["points"]
    assert (len(points), points[0][0], points[-1][0]) == (HISTORY, 2 * HISTORY + 1, 3 * HISTORY)


def test_frames_per_second_are_those_of_the_last_seconds_and_fall_when_frames_stay_away():
    clock = Clock()
    monitor = RunMonitor(clock)
    assert monitor.report()["fps"] == 0
    for index in range(50):
        clock.now = 100 + index / 10
        monitor.see(AnnotatedFrame(Pen()), status(index))
    assert monitor.report()["fps"] == pytest.approx(10, abs=0.01)
    clock.now += 1
    assert 4 < monitor.report()["fps"] < 8
    clock.now += 10
    assert monitor.report()["fps"] == 0


def test_frames_slower_than_the_window_have_a_rate_too():
    clock = Clock()
    monitor = RunMonitor(clock)
    for index in range(3):
        clock.now = 100 + 5 * index
        monitor.see(AnnotatedFrame(Pen()), status(index))
    assert monitor.report()["fps"] == pytest.approx(0.2)


def test_requests_between_two_frames_become_one_and_are_handed_over_once():
    monitor = RunMonitor()
    monitor.begin("street.mp4", 2, "previous")
    monitor.ask(Controls(iterations=3))
    monitor.ask(Controls(start="zeros"))
    monitor.ask(Controls(iterations=7))
    assert monitor.controls() == Controls(7, "zeros")
    assert monitor.controls() == Controls()
    report = monitor.report()
    assert (report["iterations"], report["start"]) == (7, "zeros")


@pytest.mark.parametrize(("given", "shown"), [("previous", "previous"), ("reference", "previous"), ("zeros", "zeros")])
def test_the_page_starts_out_as_the_run_does(given: str, shown: str):
    monitor = RunMonitor()
    monitor.begin("street.mp4", 30, given, capped=True)
    report = monitor.report()
    assert (report["iterations"], report["start"], report["most"], report["capped"]) == (30, shown, 30, True)


def test_nothing_is_drawn_until_somebody_looks_and_then_once_for_all():
    monitor = RunMonitor()
    pens = [Pen(), Pen((30, 200, 30))]
    for index, pen in enumerate(pens):
        monitor.see(AnnotatedFrame(pen), status(index))
    looking = [threading.Thread(target=monitor.picture) for _ in range(4)]
    for thread in looking:
        thread.start()
    for thread in looking:
        thread.join()
    number, data = monitor.picture()
    assert (number, [pen.drawn for pen in pens]) == (2, [0, 1])
    assert np.abs(np.asarray(opened(data)).astype(int) - (30, 200, 30)).max() < 6


def test_before_the_first_frame_there_is_no_picture():
    assert RunMonitor().picture() == (0, b"")


def test_a_drawing_is_shared_with_whoever_asked_first():
    pen = Pen()
    drawing = AnnotatedFrame(pen)
    assert drawing.picture() is drawing.picture()
    assert pen.drawn == 1


def test_large_pictures_are_sent_smaller_in_the_same_proportion():
    assert opened(jpeg(np.zeros((2160, 3840, 3), np.uint8))).size == (1920, 1080)
    assert opened(jpeg(np.zeros((1500, 2000, 3), np.uint8))).size == (1000, 750)
    assert opened(jpeg(np.zeros((90, 160, 3), np.uint8))).size == (160, 90)


@pytest.mark.parametrize(
    ("body", "controls"),
    [
        (b'{"iterations": 1}', Controls(1)),
        (b'{"iterations": 20, "start": "zeros"}', Controls(20, "zeros")),
        (b'{"start": "previous"}', Controls(None, "previous")),
    ],
)
def test_requests_are_read(body: bytes, controls: Controls):
    assert read_controls(body, 20) == controls


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "a JSON object"),
        (b"\xff", "a JSON object"),
        (b"[1]", "a JSON object"),
        (b"{}", "a JSON object"),
        (b"[" * 250, "a JSON object"),
        (b'{"iterations": 2, "solver": "broyden"}', "a JSON object"),
        (b'{"iterations": 0}', "from 1 to 20, got 0"),
        (b'{"iterations": 21}', "from 1 to 20, got 21"),
        (b'{"iterations": 2.0}', "got 2.0"),
        (b'{"iterations": true}', "got true"),
        (b'{"iterations": "2"}', 'got "2"'),
        (b'{"iterations": null}', "got null"),
        (b'{"start": "reference"}', 'previous, zeros, got "reference"'),
        (b'{"start": ["zeros"]}', "got"),
    ],
)
def test_what_is_no_request_is_refused_in_one_line(body: bytes, said: str):
    with pytest.raises(StreamdeqError, match="expected") as caught:
        read_controls(body, 20)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
