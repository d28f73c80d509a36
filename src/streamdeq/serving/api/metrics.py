"""The server's counters and figures as Prometheus takes them; what each means stands in docs/cameras.md."""

from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from streamdeq.serving.api.hub import Hub
from streamdeq.serving.server import CameraReport, Server
from streamdeq.serving.server.outputs import Outputs

MEDIA_TYPE = CONTENT_TYPE_LATEST
Read = Callable[[CameraReport], float]
#: Counters of each camera: name, help, what of its report. decoded = processed + dropped + failed.
COUNTERS: tuple[tuple[str, str, Read], ...] = (
    ("frames_decoded", "Frames accounted for: processed, dropped and failed.", lambda one: one.decoded),
    ("frames_processed", "Frames answered and published.", lambda one: one.processed),
    ("frames_dropped", "Frames that a fresher one replaced before they were begun.", lambda one: one.dropped),
    ("frames_thinned", "Of the dropped: beyond the camera's own fps.", lambda one: one.thinned),
    ("frames_failed", "Frames that could not be decoded or solved.", lambda one: one.failed),
    ("deadline_hits", "Processed frames that were answered by their deadline.", lambda one: one.in_time),
    ("nonfinite", "Processed frames whose solve met numbers that are not finite.", lambda one: one.nonfinite),
    ("steps", "Applications of f for processed frames.", lambda one: one.steps),
    ("reconnects", "Times that the source was away and came back.", lambda one: one.reconnects),
)
#: Figures of each camera; one that is not known is left out.
GAUGES: tuple[tuple[str, str, Read], ...] = (
    ("up", "1 while frames come from the camera.", lambda one: float(one.state == "live")),
    ("frames_per_second", "Frames that come a second.", lambda one: one.fps),
    ("steps_per_frame", "Applications of f per processed frame.", lambda one: one.steps_per_frame),
    ("residual", "Relative residual of the last answer.", lambda one: one.residual),
    ("queue_frames", "Frames that have come and are not accounted for yet.", lambda one: one.at_hand),
    ("answer_age_seconds", "From the last answered frame's arrival to its answer.", lambda one: one.age_s),
    ("answer_age_p50_seconds", "Median of that over the last hundreds of answers.", lambda one: one.age_p50_s),
    ("answer_age_p99_seconds", "99th percentile of that over the last hundreds.", lambda one: one.age_p99_s),
    ("share_of_machine_least", "Part of the machine asked for at the fewest steps.", lambda one: one.least),
    ("share_of_machine_full", "Part of the machine asked for at the most steps.", lambda one: one.full),
)


class Collector:
    """Reads the server when it is asked: nothing is counted twice."""

    def __init__(self, server: Server, hub: Hub, outputs: Outputs) -> None:
        self._server, self._hub, self._outputs = server, hub, outputs

    def collect(self) -> Iterator[Metric]:
        reports = self._server.reports()
        for name, help_, read in COUNTERS:
            yield _family(CounterMetricFamily(f"streamdeq_{name}", help_, labels=["camera"]), reports, read)
        for name, help_, read in GAUGES:
            yield _family(GaugeMetricFamily(f"streamdeq_{name}", help_, labels=["camera"]), reports, read)
        stages = CounterMetricFamily(
            "streamdeq_stage_seconds", "Seconds that frames spent in a stage.", labels=["camera", "stage"]
        )
        for camera, report in reports.items():
            for stage, seconds in report.stages_s.items():
                stages.add_metric([camera, stage], seconds)
        yield stages
        load = GaugeMetricFamily("streamdeq_load", "Arrivals over the machine's measured capacity.", labels=["steps"])
        now = self._server.load()
        load.add_metric(["full"], now.full)
        load.add_metric(["least"], now.least)  # above 1, frames are dropped
        yield load
        yield from self._sinks()
        yield CounterMetricFamily(
            "streamdeq_listener_results_lost",
            "Answers that clients of events and websockets did not take in time.",
            self._hub.lost_in_all(),
        )

    def _sinks(self) -> Iterator[Metric]:
        records = CounterMetricFamily(
            "streamdeq_sink_records", "Records by what became of them.", labels=["sink", "what"]
        )
        waiting = GaugeMetricFamily("streamdeq_sink_waiting", "Records that wait for a sink.", labels=["sink"])
        for report in self._outputs.reports():
            records.add_metric([report.label, "written"], report.written)
            records.add_metric([report.label, "lost"], report.lost)
            waiting.add_metric([report.label], report.waiting)
        yield records
        yield waiting


def _family(family: Any, reports: dict[str, CameraReport], read: Read) -> Any:
    for camera, report in reports.items():
        if isfinite(value := read(report)):
            family.add_metric([camera], value)
    return family


class Metrics:
    """The text of `/metrics`."""

    def __init__(self, server: Server, hub: Hub, outputs: Outputs) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(Collector(server, hub, outputs))

    def text(self) -> bytes:
        return generate_latest(self._registry)
