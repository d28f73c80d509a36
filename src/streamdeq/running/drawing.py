"""The stage between solving and recording: answers are drawn on their frames, on a thread of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from streamdeq.results.record import Record
from streamdeq.rules.marks import Marks, draw_marks
from streamdeq.running.observer import AnnotatedFrame, Observer
from streamdeq.running.steady import Steady
from streamdeq.running.trails import Paths, Trails, draw_trails
from streamdeq.tasks import Task
from streamdeq.tasks.base import drawn
from streamdeq.tasks.drawing import captioned
from streamdeq.values.frame import Frame, Item
from streamdeq.values.geometry import HW
from streamdeq.values.look import USUAL, Look
from streamdeq.video import Sink


@dataclass(frozen=True, eq=False)
class ProcessedItem:
    """What a source handed out, on its way out; `scratch` is the from-scratch answer of a comparison.

    `answered_s` is when its answer was there, on the clock of `time.monotonic`. `events` are what rules saw in it,
    `marks` what they draw on it. What is drawn is drawn once: from then on the frame of `taken` has the annotated
    picture, `draw_s` says what that took, and `frame_hw` what size it had.
    """

    taken: Item
    result: Any = None
    scratch: Any = None
    answered_s: float = 0.0
    events: Sequence[Record] = ()
    marks: Marks | None = None
    draw_s: float = 0.0
    frame_hw: HW = (0, 0)


class Drawing(Sink[ProcessedItem]):
    """Draws what comes and hands it on.

    Args:
        then: gets it.
        films: whether every frame is to be drawn; otherwise those that the observer asks for.
        look: how.
    """

    def __init__(
        self,
        task: Task,
        then: Sink[ProcessedItem],
        *,
        films: bool,
        observer: Observer | None = None,
        look: Look = USUAL,
    ) -> None:
        self._task, self._then, self._films, self._observer = task, then, films, observer
        self._look = replace(look, steady=None)  # a task draws one answer
        self._steady: Steady[Any] | None = None if look.steady is None else Steady(look.steady)
        self._trails = Trails() if "trails" in look.draw else None

    def write(self, item: ProcessedItem) -> None:
        frame = item.taken
        if isinstance(frame, Frame):
            began = perf_counter()
            paths = self._trails.see(item.result) if self._trails else {}
            shown = self._steady.shown(item.result) if self._steady else item.result
            drawing = AnnotatedFrame(lambda: self._picture(frame.image, item, shown, paths))
            picture = drawing.picture() if self._films else frame.image
            if self._observer:
                self._observer.see(drawing, item.result.status)
            item = replace(item, taken=replace(frame, image=picture), scratch=None, draw_s=perf_counter() - began)
            item = replace(item, frame_hw=(frame.image.shape[0], frame.image.shape[1]))
        self._then.write(item)

    def close(self) -> None:
        self._then.close()

    def _picture(self, image: np.ndarray, item: ProcessedItem, shown: Any, paths: Paths) -> np.ndarray:
        below = draw_trails(image, paths) if paths else image
        streaming = drawn(self._task.draw, below, shown, self._look)
        if item.marks is not None:
            streaming = draw_marks(streaming, item.marks)
        if item.scratch is None:
            return streaming
        steps = item.result.status.iterations
        sides = (
            captioned(drawn(self._task.draw, image, item.scratch, self._look), f"from scratch, {steps} per frame"),
            captioned(streaming, f"streaming, {steps} per frame"),
        )
        return np.concatenate(sides, axis=1)
