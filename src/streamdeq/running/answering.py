"""From what a source hands out to what is recorded of it, in two parts: the first computes, the second, which may run
beside the next frame's first, makes the answer of the model's outputs."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any

from streamdeq.errors import OutOfMemoryError, StreamdeqError
from streamdeq.files import shown
from streamdeq.results.record import WALL_S
from streamdeq.rules.config import Rules
from streamdeq.rules.watch import Watch
from streamdeq.running.drawing import ProcessedItem
from streamdeq.streaming.stream import Stream
from streamdeq.tasks import Task
from streamdeq.values.choice import Choice
from streamdeq.values.frame import Failure, Frame, Item

#: The second part of an item's way; they are called one after another, in the order of the items.
Later = Callable[[], ProcessedItem]


class Answering:
    """One run's. A frame that cannot be processed becomes a failure, for one odd picture must not end a run.

    Args:
        scratch: a stream to compare with; None for no comparison.
        choice: what is chosen of the objects.
        rules: what watches the answers.
        camera: what the rules' events are told to be of.

    Attributes:
        failed: frames that could not be processed; `error`, why the last of them could not.
    """

    def __init__(
        self, task: Task, stream: Stream, scratch: Stream | None, choice: Choice, rules: Rules | None, camera: str
    ) -> None:
        self.failed = 0
        self.error: StreamdeqError | None = None
        self._stream, self._scratch, self._camera = stream, scratch, camera
        self._watch = None if rules is None else Watch(rules)
        choice = Choice() if task.joins else choice  # of the boxes, there
        choice = choice if rules is None else replace(choice, track=True)
        self._choose, self._choose_scratch = (task.chooser(choice) for _ in range(2))

    def begin(self, item: Item) -> Later:
        try:
            later = self._stream.take_later(item)
            scratch = self._scratch and self._scratch.take_later(item)
        except StreamdeqError as error:
            return partial(self._failure, item, error)
        return lambda: self._finish(item, later, scratch)

    def _finish(self, item: Item, later: Callable[[], Any] | None, scratch: Callable[[], Any] | None) -> ProcessedItem:
        try:
            result = None if later is None else self._choose(later())
            compared = None if scratch is None else self._choose_scratch(scratch())
        except StreamdeqError as error:
            return self._failure(item, error)
        answered_s, events, marks = monotonic(), (), None
        if self._watch is not None and result is not None:
            events, marks = self._watch.update(result, camera=self._camera, at=WALL_S + answered_s)
        return ProcessedItem(item, result, compared, answered_s, events, marks)

    def _failure(self, item: Item, error: StreamdeqError) -> ProcessedItem:
        if not isinstance(item, Frame) or isinstance(error, OutOfMemoryError):
            raise error
        self.failed, self.error = self.failed + 1, error
        return ProcessedItem(Failure(item.index, shown(str(error)), item.time_s), answered_s=monotonic())
