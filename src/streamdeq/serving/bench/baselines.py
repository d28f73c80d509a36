"""What is done today, with the same weights: one camera's frame after another's, all cameras in lock-step, every frame
by itself. Each takes the freshest frame that waits, and a fixed number of steps. And with other weights: a peer."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol

from streamdeq.evaluation.peers import Peer
from streamdeq.serving.bench.outcome import Answered, Outcome
from streamdeq.serving.bench.show import Show
from streamdeq.serving.bench.timetable import Inbox
from streamdeq.streaming.engine import Engine, Row
from streamdeq.streaming.loop import run_frames
from streamdeq.values.frame import Frame

#: Seconds between the end of all preparations and the start of a show.
LEAD_S = 0.3


class Answering(Protocol):
    """What a way makes of chosen frames."""

    def answer(self, show: Show, chosen: Sequence[tuple[int, int]], zero_s: float) -> list[Answered]:
        """The answers for (camera, number of the frame), each with when it was there."""
        ...


@dataclass(frozen=True, eq=False)
class Fixed:
    """Frames are answered with so many steps, each from the camera's last answer, or from zeros.

    Args:
        engine: of which `rows` are, one for each camera.
    """

    engine: Engine
    rows: Sequence[Row]
    steps: int
    warm: bool = True

    def answer(self, show: Show, chosen: Sequence[tuple[int, int]], zero_s: float) -> list[Answered]:
        """These cameras' frames in one batch."""
        rows = [self.rows[camera] for camera, _ in chosen]
        frames = [Frame(show.image(camera, number), number, 0.0) for camera, number in chosen]
        results = run_frames(self.engine, rows, frames, self.steps, keep=self.warm)
        done_s = time.monotonic() - zero_s
        together = zip(chosen, results, strict=True)
        return [Answered(camera, number, done_s, self.steps, result) for (camera, number), result in together]


@dataclass(frozen=True, eq=False)
class FrameByFrame:
    """Frames are answered by a peer, one by one."""

    peer: Peer

    def answer(self, show: Show, chosen: Sequence[tuple[int, int]], zero_s: float) -> list[Answered]:
        answers = []
        for camera, number in chosen:
            result = self.peer.answer(show.image(camera, number))
            answers.append(Answered(camera, number, time.monotonic() - zero_s, 1, result))
        return answers


#: From what waits, and the time, to the cameras that are answered now; none: wait.
Pick = Callable[[Inbox, float], list[int]]


def one_after_another(inbox: Inbox, now_s: float) -> list[int]:
    return [inbox.first]


def in_step(cameras: int, patience_s: float) -> Pick:
    """All cameras at once, as soon as each has a frame, or one has waited too long for the others."""

    def pick(inbox: Inbox, now_s: float) -> list[int]:
        every = len(inbox.waiting) == cameras or inbox.next_s == inf
        return sorted(inbox.waiting) if every or now_s - inbox.at_s(inbox.first) >= patience_s else []

    return pick


def play(show: Show, way: Answering, pick: Pick, zero_s: float) -> Outcome:
    """The whole show, which begins at `zero_s` of the monotonic clock."""
    inbox, answers = Inbox(show.tables), list[Answered]()
    while True:
        now_s = time.monotonic() - zero_s
        inbox.advance(now_s)
        chosen = pick(inbox, now_s) if inbox.waiting else []
        if chosen:
            answers += way.answer(show, [(camera, inbox.waiting.pop(camera)) for camera in chosen], zero_s)
        elif inbox.waiting or inbox.next_s < inf:
            time.sleep(max(0.0, min(inbox.next_s - now_s, 0.002 if inbox.waiting else 0.05)))
        else:
            return Outcome(tuple(answers), inbox.dropped)


def warm_up(show: Show, fixed: Fixed, batch: int) -> None:
    """Whatever is made at the first use of so many rows."""
    chosen = [(camera, 0) for camera in range(min(batch, show.cameras))]
    for _ in range(2):
        fixed.answer(show, chosen, 0.0)
    for row in fixed.rows:
        fixed.engine.reset(row)
