"""Progress: rates by a fake clock, lines where nobody watches, a bar on a real terminal, silence on request."""

import io
import os
import pty
import select

import pytest

from streamdeq.cli.progress import Meter, track


class FakeClock:
    """Time that moves when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_rate_is_that_of_the_last_seconds() -> None:
    clock = FakeClock()
    meter = Meter(None, "frames", clock)
    for step_s in [1.0] * 10 + [0.1] * 60:
        clock.now += step_s
        meter.advance()
    assert meter.done == 70
    assert meter.rate == pytest.approx(10.0)


def test_units_slower_than_the_window_still_have_a_rate() -> None:
    clock = FakeClock()
    meter = Meter(None, "steps", clock)
    for _ in range(3):
        clock.now += 20.0
        meter.advance()
    assert meter.rate_text() == "0.05 steps/s"


def test_before_the_first_unit_there_is_no_rate() -> None:
    assert Meter(10, "frames", FakeClock()).rate == 0.0


def test_a_log_gets_a_line_every_few_seconds_and_one_at_the_end() -> None:
    clock, log = FakeClock(), io.StringIO()
    with track("run", 6, stream=log, clock=clock, every_s=5.0) as advance:
        for number in range(6):
            clock.now += 2.0
            advance(residual=0.1 / 10**number)
    assert log.getvalue().splitlines() == [
        "run: 3/6 frames, 0.5 fps, residual 0.001, 0:06 left",
        "run: 6/6 frames, 0.5 fps, residual 1e-06",
    ]


def test_an_unknown_end_is_not_invented() -> None:
    log = io.StringIO()
    with track("watch", None, stream=log, clock=FakeClock()) as advance:
        advance()
    assert log.getvalue() == "watch: 1 frames, 0.0 fps\n"


def test_a_log_says_how_far_it_came_when_the_work_fails() -> None:
    log = io.StringIO()

    def fail_after_one() -> None:
        with track("run", 9, unit="steps", stream=log, clock=FakeClock()) as advance:
            advance(loss=1.25)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_one()
    assert log.getvalue() == "run: 1/9 steps, 0.00 steps/s, loss 1.25, 0:00 left\n"


def test_what_is_left_is_told_in_minutes_and_hours() -> None:
    clock = FakeClock()
    meter = Meter(4000, "steps", clock)
    assert meter.left_text() == ""
    clock.now += 2.0
    meter.advance()
    assert meter.left_text() == "2:13:18 left"


def test_quiet_is_silent_and_still_counts() -> None:
    log = io.StringIO()
    with track("run", 3, quiet=True, stream=log) as advance:
        advance(residual=1.0)
    assert log.getvalue() == ""


def test_a_terminal_gets_a_bar_with_rate_and_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    clock = FakeClock()
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal:
        with track("run", 4, stream=terminal, clock=clock) as advance:
            for _ in range(4):
                clock.now += 0.04
                advance(residual=0.0125)
        terminal.flush()
        shown = ""
        while select.select([master], [], [], 0.3)[0]:  # a terminal hands out what it has, in pieces
            shown += os.read(master, 100_000).decode(errors="replace")
    os.close(master)
    last = shown[shown.rindex("run") :]
    for part in ("4/4 frames", "25.0 fps", "residual 0.0125"):
        assert part in last
