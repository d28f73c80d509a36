"""What a viewer sees of a video while answers take time: at every moment the latest answer that is finished.

As in streaming perception (Li, Wang, Ramanan, ECCV 2020): frame t arrives at t / fps, whoever is free takes the newest
frame, and a labelled frame is paired with the latest answer that was finished by its time (zero-order hold). Who can
answer after every step publishes every time, and makes no further one that would not be done when the next frame comes.

Pure: from durations to what is computed when. `latency` measures durations; a server's bench has its own.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

#: Seconds of the next one of its kind; drawn from measured ones.
Duration = Callable[[], float]


class Finished(NamedTuple):
    """An answer: for which frame, after how many steps, and when it was there."""

    frame: int
    steps: int
    at_s: float


@dataclass(frozen=True)
class Pace:
    """How long the parts of a frame take, and when there is an answer.

    Args:
        prepare, step, answer: seconds before the first step, of a step, of an answer.
        most: steps per frame at the most.
        anytime: an answer after every step.
        expected_s: what a further step and its answer are expected to take.
    """

    prepare: Duration
    step: Duration
    answer: Duration
    most: int = 1
    anytime: bool = False
    expected_s: float = 0.0


def timeline(frames: int, fps: float, pace: Pace) -> list[Finished]:
    """Every answer while `frames` frames arrive, in order of time; the last ones may come after the last frame."""
    found: list[Finished] = []
    now, taken = 0.0, -1
    while taken < frames - 1:
        newest = min(int(now * fps + 1e-9), frames - 1)
        if newest == taken:  # nothing new: wait for the next
            now, newest = (taken + 1) / fps, taken + 1
        taken = newest
        now += pace.prepare()
        for steps in range(1, pace.most + 1):
            now += pace.step()
            if steps < pace.most and not pace.anytime:
                continue
            now += pace.answer()
            found.append(Finished(taken, steps, now))
            if (now + pace.expected_s) * fps >= taken + 1:
                break
    return found


def in_force(found: Sequence[Finished], fps: float, frames: Sequence[int]) -> Iterator[tuple[int, Finished | None]]:
    """(frame, the latest answer finished by its time) for each of `frames`; None before the first."""
    times = [one.at_s for one in found]
    for t in frames:
        number = bisect_right(times, t / fps)
        yield t, found[number - 1] if number else None
