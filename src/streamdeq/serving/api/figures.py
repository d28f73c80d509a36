"""What is told of cameras in JSON: to programs, and to the page."""

from math import isfinite
from typing import Any

from streamdeq.codec import to_plain
from streamdeq.serving.api.context import Context
from streamdeq.serving.server import CameraConfig, CameraReport
from streamdeq.video.live.redact import redacted

#: What the page has sliders and a switch for.
SETTINGS = ("min_steps", "max_steps", "priority", "start")


def described(name: str, report: CameraReport) -> dict[str, Any]:
    """A camera as `GET /cameras` has it."""
    return {"name": name, **figures(report), "settings": settings(report.config)}


def settings(config: CameraConfig) -> dict[str, Any]:
    """A camera's settings, its source without secrets."""
    return {**to_plain(config), "source": redacted(str(config.source))}


def figures(report: CameraReport) -> dict[str, Any]:
    return {
        "state": report.state,
        "note": redacted(report.note),
        "decoded": report.decoded,
        "processed": report.processed,
        "dropped": report.dropped,
        "failed": report.failed,
        "reconnects": report.reconnects,
        "fps": round(report.fps, 2),
        "steps_per_frame": rounded(report.steps_per_frame, 2),
        "deadline_hit_rate": report.in_time / report.processed if report.processed else None,
        "queue": report.queue,
        "age_s": rounded(report.age_s, 4),
        "residual": report.residual if report.residual is not None and isfinite(report.residual) else None,
        "stages_s": {stage: round(seconds, 4) for stage, seconds in report.stages_s.items()},
    }


def overview(context: Context, seen: dict[str, int]) -> dict[str, Any]:
    """All that the page shows besides pictures.

    Args:
        seen: the newest frame of each camera that the page knows the steps of; brought up to date.
    """
    cameras = []
    for name, report in context.server.reports().items():
        points = context.hub.points(name, seen.get(name, -1))
        if points:
            seen[name] = points[-1][0]
        few = {key: value for key, value in to_plain(report.config).items() if key in SETTINGS}
        cameras.append({"name": name, **figures(report), "settings": few, "points": points})
    return {"cameras": cameras, "load": machine_load(context)}


def machine_load(context: Context) -> dict[str, float | None]:
    """Arrivals over measured capacity, at each camera's most steps and at its fewest."""
    load = context.server.load()
    return {"full": rounded(load.full, 3), "least": rounded(load.least, 3)}


def rounded(value: float | None, digits: int) -> float | None:
    return None if value is None or not isfinite(value) else round(value, digits)
