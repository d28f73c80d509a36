"""Write what a run yields: annotated video, JSON lines, label pictures, MOT text."""

from contextlib import ExitStack
from math import isnan
from time import perf_counter
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.running.drawing import ProcessedItem
from streamdeq.running.options import RunOptions
from streamdeq.running.outputs import outputs
from streamdeq.running.summary import Summary, stages_of
from streamdeq.tasks import Result, Task
from streamdeq.values.frame import Failure, Frame, Gap
from streamdeq.video import (
    JsonLinesSink,
    LabelMap,
    LabelPngSink,
    LinesSink,
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
        self, task: Task, options: RunOptions, name: str, spec: Any, source: SourceInfo, summary: Summary
    ) -> None:
        for kind in options.write if options.save else ():
            if kind not in task.writes:
                what = task.spec.task
                raise StreamdeqError(f"{what} has no {kind} to write; it has: {', '.join(task.writes)}")
        self._task = task
        self._summary = summary
        self._video = self._lines = self._labels = self._mot = None
        with ExitStack() as files:
            self.paths = files.enter_context(outputs(options, name, spec, live=source.live))
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
            if path := self.paths.get("png"):
                self._labels = files.enter_context(LabelPngSink(path, task.spec.palette))
            if path := self.paths.get("mot"):
                self._mot = files.enter_context(LinesSink(path))
            self._files = files.pop_all()

    def write(self, item: ProcessedItem) -> None:
        frame = item.taken
        if isinstance(frame, Failure):
            self._write_line({"index": frame.index, "failed": True, "reason": frame.reason})
            return
        if isinstance(frame, Gap):
            self._write_line({"gap_s": frame.seconds, "reason": frame.reason})
            return
        began = perf_counter()
        if self._video:
            self._video.write(frame)
        if self._labels:
            self._labels.write(LabelMap(frame.index, item.result.labels))
        if self._mot:
            self._mot.write(item.result.to_mot())
        self._write_line(self._record(frame, item, perf_counter() - began))

    def close(self) -> None:
        self._files.close()
        if self._video and self._video.latest:
            self.paths["video"] = self._video.latest

    def _write_line(self, record: dict[str, Any]) -> None:
        if self._lines:
            self._lines.write(record)

    def _record(self, frame: Frame, item: ProcessedItem, encode_s: float) -> dict[str, Any]:
        self._summary.stages_s["draw"].add(item.draw_s)
        self._summary.stages_s["encode"].add(encode_s)
        result: Result = item.result
        status = result.status
        age_s = None if frame.captured_s is None else item.answered_s - frame.captured_s
        stages = {**stages_of(frame.decode_s, status), "draw": item.draw_s, "encode": encode_s}
        return {
            "index": status.frame_index,
            "time_s": status.time_s,
            "iterations": status.iterations,
            "nfe": status.nfe,
            "residual": status.residual,
            "change": None if isnan(status.change) else status.change,
            "start": str(status.start),
            "stopped": status.stopped and str(status.stopped),
            "solve_failed": status.failed,
            "cut": status.cut,
            "gap_s": status.gap_s,
            "dropped_before": frame.dropped_before,
            "answer_ms": round(status.answer_s * 1e3, 3),
            "age_ms": None if age_s is None else round(age_s * 1e3, 3),
            "latency_ms": {stage: round(seconds * 1e3, 3) for stage, seconds in stages.items()},
            **self._task.record(result),
        }
