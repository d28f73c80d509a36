"""One run: frames from a source, through a stream, to a recorder."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from time import monotonic, perf_counter
from typing import Any

import numpy as np

from streamdeq.api import Model
from streamdeq.errors import OutOfMemoryError, StreamdeqError
from streamdeq.files import shown
from streamdeq.results.record import WALL_S
from streamdeq.rules.config import rules_for
from streamdeq.rules.watch import Watch
from streamdeq.running.drawing import Drawing, ProcessedItem
from streamdeq.running.naming import output_name
from streamdeq.running.observer import Observer
from streamdeq.running.options import RunOptions
from streamdeq.running.recorder import Recorder
from streamdeq.running.start_from import picture_from
from streamdeq.running.summary import Summary
from streamdeq.streaming.locate import FromTable, Locator, Shared
from streamdeq.streaming.options import StartFrom
from streamdeq.streaming.stream import Stream
from streamdeq.values.choice import Choice
from streamdeq.values.frame import Failure, Frame, Item
from streamdeq.video import Source, ThreadedSink, open_source, prefetch
from streamdeq.video.queues import WAITING_BYTES

#: Frames decoded ahead, frames waiting to be drawn, to be written: enough to even out, few enough to stay small.
AHEAD = 4


class Run:
    """One pass over a source: `with run.results() as results`, then read `summary` and `paths`.

    Decoding runs ahead on a thread (a live source's in a process), drawing and then encoding and writing behind on one
    each: a film takes the time of its slowest stage. Memory does not grow with the length of the video.

    Args:
        name: of its files and in its records; that of the source if None.
    """

    def __init__(
        self,
        model: Model,
        spec: Any,
        options: RunOptions,
        observer: Observer | None = None,
        name: str | None = None,
    ) -> None:
        self.summary = Summary()
        self.paths: dict[str, Path] = {}
        source = open_source(spec, live=options.live, max_pixels=options.max_pixels)
        self.source: Source = source if source.live else prefetch(source, AHEAD)
        self._name = name or output_name(self.source.name, self.source.kind, spec)
        self._rules = None if options.rules is None else rules_for(model.task, options.rules)
        self._spec = spec
        self._model = model
        self._options = options
        self._observer = observer
        self._stopping = False
        self._locator: Locator | None = None
        self._instances = 0  # that the boxes gave
        self._unprocessed = 0  # frames that were handed out and could not be processed
        self._closing = Thread(target=self.source.close, name="stop", daemon=True)

    @property
    def total(self) -> int | None:
        """How many frames to expect, where that is known."""
        known = [n for n in (self.source.frames, self._options.max_frames) if n is not None]
        return min(known, default=None) if self.source.frames is not None else self._options.max_frames

    def stop(self) -> None:
        """End after the frame at hand, in order. For any thread, and for signal handlers: it waits for nothing."""
        if self._stopping:
            return
        self._stopping = True
        if self.source.live or self.source.kind == "pipe":
            # It may have nothing to give for a long time; closed, it ends whoever waits for it.
            self._closing.start()

    @contextmanager
    def results(self) -> Iterator[Iterator[Any]]:
        """The answers as they come. Leaving the block, early or not, makes whole files of what was written.

        Raises:
            StreamdeqError: an option that does not fit the model, or a place that cannot be written, at once.
        """
        chosen = self._options
        from_zeros = replace(chosen.stream, start=StartFrom.ZEROS)
        other = (
            None if chosen.start_from is None else picture_from(chosen.start_from, allow_outside=chosen.allow_outside)
        )
        began = perf_counter()
        try:
            with self.source:
                boxes = self._boxes()
                with (
                    Stream(self._model.begin(chosen.stream, boxes, other), open_source) as stream,
                    Stream(self._model.begin(from_zeros, boxes), open_source) as scratch,
                    self._recorder() as recorder,
                ):
                    stream.stats = self.summary
                    yield self._process(stream, scratch, recorder)
        finally:
            self.summary.seconds = perf_counter() - began
            self.summary.failed = self.source.stats.failed + self._unprocessed
            # Whatever was decoded and got no answer: dropped by the source, or handed out as the run was interrupted.
            self.summary.dropped = self.source.stats.decoded - self.summary.failed - self.summary.processed
            self.summary.reconnects = self.source.stats.reconnects
            self.summary.note = "; ".join(filter(None, (self.source.stats.note, self._unseen())))

    def _boxes(self) -> Locator | None:
        """What says where to look, once per frame for both streams."""
        choice = self._options.choice if self._model.task.joins else None
        self._locator = self._model.locator(self._options.boxes, choice, self._spec, self._options.allow_outside)
        return None if self._locator is None else Shared(self._locator)

    def _unseen(self) -> str:
        """What of the boxes had no effect, if any."""
        if self._locator is None or self._stopping:
            return ""
        if self.summary.processed and not self._instances:
            return "no box was in any frame: nothing was looked at"
        whole = self._options.max_frames is None
        beyond = self._locator.beyond(self.summary.decoded) if whole and isinstance(self._locator, FromTable) else 0
        return f"{beyond} frames that have boxes lie behind the end of the source" if beyond else ""

    def _process(self, stream: Stream, scratch: Stream, recorder: ThreadedSink[ProcessedItem]) -> Iterator[Any]:
        choice = Choice() if self._model.task.joins else self._options.choice  # of the boxes, there
        watch = None
        if self._rules is not None:
            watch, choice = Watch(self._rules), replace(choice, track=True)
        choose, choose_scratch = (self._model.task.chooser(choice) for _ in range(2))
        failure: StreamdeqError | None = None
        for item in self._items():
            if self._observer:
                controls = self._observer.controls()
                stream.retune(controls.iterations, controls.start)
                scratch.retune(controls.iterations)
            try:
                result = stream.take(item)
                compared = scratch.take(item) if self._options.compare else None
            except StreamdeqError as error:
                # One odd picture must not end a run; when none could be processed, it is no odd one.
                if not isinstance(item, Frame) or isinstance(error, OutOfMemoryError):
                    raise
                failure, self._unprocessed = error, self._unprocessed + 1
                failed = Failure(item.index, shown(str(error)), item.time_s)
                recorder.write(ProcessedItem(failed, answered_s=monotonic()))
                continue
            result = None if result is None else choose(result)
            compared = None if compared is None else choose_scratch(compared)
            answered_s, events, marks = monotonic(), (), None
            if watch is not None and result is not None:
                events, marks = watch.update(result, camera=self._name, at=WALL_S + answered_s)
            recorder.write(ProcessedItem(item, result, compared, answered_s, events, marks))
            if result is not None and isinstance(item, Frame):
                self.summary.count(item.decode_s, result.status)
                self._instances += len(result) if self._locator is not None else 0
                yield result
            del item, result, compared  # pictures are not held while the next is waited for
        if failure is not None and not self.summary.processed:
            raise failure

    def _items(self) -> Iterator[Item]:
        """What the source hands out, until it ends, enough frames were taken, or somebody says stop."""
        try:
            for item in self.source:
                yield item
                del item
                if self._stopping or self.source.stats.frames == self._options.max_frames:
                    break
        except StreamdeqError:
            if not self._stopping:  # a source that was stopped before its first frame complains of having had none
                raise
        if self._closing.ident is not None:
            self._closing.join()

    def _recorder(self) -> ThreadedSink[ProcessedItem]:
        clips = None if self._rules is None else self._rules.clips
        task, source = self._model.task, self.source.info
        recorder = Recorder(task, self._options, self._name, self._spec, source, self.summary, clips)
        self.paths = recorder.paths
        half = WAITING_BYTES // 2  # of large pictures one waits for each stage
        written = ThreadedSink(recorder, AHEAD, size_of, half)
        pictures = "png" in self.paths and not task.label_maps
        films = "video" in self.paths or pictures or clips is not None
        drawing = Drawing(task, written, films=films, observer=self._observer, look=self._options.look)
        return ThreadedSink(drawing, AHEAD, size_of, half)


def size_of(item: ProcessedItem) -> int:
    """Bytes of the pictures in it: the frame, and what an answer has of its size."""
    parts = (vars(part).values() for part in (item.taken, item.result, item.scratch) if part is not None)
    return sum(value.nbytes for values in parts for value in values if isinstance(value, np.ndarray))
