"""Write what a run yields: annotated video, JSON lines, and what `formats` has."""

from contextlib import ExitStack
from time import perf_counter
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.results.buffered import Sinks
from streamdeq.results.record import WALL_S, Record, absence_record, answer_record
from streamdeq.results.sinks import read_sink
from streamdeq.rules.clips import ClipRecorder
from streamdeq.rules.config import Clips
from streamdeq.running.drawing import ProcessedItem
from streamdeq.running.formats import FORMATS
from streamdeq.running.options import RunOptions
from streamdeq.running.outputs import outputs
from streamdeq.running.summary import Summary, stages_of
from streamdeq.tasks import Result, Task
from streamdeq.values.frame import Failure, Frame, Gap
from streamdeq.video import (
    JsonLinesSink,
    SegmentedVideoSink,
    Sink,
    SourceInfo,
    VideoSink,
)


class Recorder(Sink[ProcessedItem]):
    """Everything a run leaves behind in one folder, under `name`.

    Raises:
        StreamdeqError: the folder or a file in it cannot be written, before any work is done.
    """

    def __init__(
        self,
        task: Task,
        options: RunOptions,
        name: str,
        spec: Any,
        source: SourceInfo,
        summary: Summary,
        clips: Clips | None = None,
    ) -> None:
        for kind in options.write if options.save else ():
            if kind not in task.writes:
                what = task.spec.task
                raise StreamdeqError(f"{what} has no {kind} to write; it has: {', '.join(task.writes)}")
        self._task, self._name = task, name
        self._summary = summary
        self._video = self._lines = None
        with ExitStack() as files:
            self._clips = files.enter_context(ClipRecorder(clips, source.fps)) if clips else None
            # What is not live waits for its records to be taken.
            self._sinks = files.enter_context(Sinks([read_sink(one) for one in options.to], patient=not source.live))
            self.paths = files.enter_context(outputs(options, name, spec, live=source.live, label_maps=task.label_maps))
            if path := self.paths.get("video"):
                # What has no known end must not be lost whole to a power cut, nor fill one file for ever.
                sink = (
                    SegmentedVideoSink(path, fps=source.fps)
                    if source.live
                    else VideoSink(path, fps=source.fps, pixel_aspect=source.pixel_aspect)
                )
                self._video = files.enter_context(sink)
            if path := self.paths.get("jsonl"):
                self._lines = files.enter_context(JsonLinesSink(path))
            self._others = [
                files.enter_context(made(self.paths[kind], task))
                for kind, made in FORMATS.items()
                if kind in self.paths
            ]
            self._files = files.pop_all()

    def write(self, item: ProcessedItem) -> None:
        frame = item.taken
        if isinstance(frame, Failure | Gap):
            self._write_record(absence_record(frame, camera=self._name, at=WALL_S + item.answered_s))
            return
        began = perf_counter()
        if self._video:
            self._video.write(frame)
        for one in self._others:
            one.write(item)
        events = self._clips.take(frame, item.events) if self._clips else item.events
        self._write_record(self._record(frame, item, perf_counter() - began))
        for event in events:
            self._write_record(event)

    def close(self) -> None:
        self._files.close()
        self._summary.sinks = self._sinks.reports()
        if self._video and self._video.latest:
            self.paths["video"] = self._video.latest

    def _write_record(self, record: Record) -> None:
        self._sinks.write(record)
        if self._lines:
            self._lines.write(record)

    def _record(self, frame: Frame, item: ProcessedItem, encode_s: float) -> Record:
        self._summary.stages_s["draw"].add(item.draw_s)
        self._summary.stages_s["encode"].add(encode_s)
        result: Result = item.result
        return answer_record(
            self._task,
            result,
            camera=self._name,
            at=WALL_S + item.answered_s,
            stages_s={**stages_of(frame.decode_s, result.status), "draw": item.draw_s, "encode": encode_s},
            dropped_before=frame.dropped_before,
            age_s=None if frame.captured_s is None else item.answered_s - frame.captured_s,
            file=frame.file,
        )
