"""What is told of cameras in JSON: to programs, and to the page."""

from math import isfinite
from typing import Any

from streamdeq.codec import to_plain
from streamdeq.serving.api.context import Context
from streamdeq.serving.server import CameraConfig, CameraReport

#: What the page has sliders and a switch for.
SETTINGS = ("min_steps", "max_steps", "priority", "start")
DIGITS = 5


def described(name: str, config: CameraConfig, report: CameraReport) -> dict[str, Any]:
    """A camera as `GET /cameras` has it: its settings, with the source without secrets, and its figures."""
    return {"name": name, **figures(report), "settings": {**to_plain(config), "source": config.label}}


def figures(report: CameraReport) -> dict[str, Any]:
    hit_rate = report.in_time / report.processed if report.processed else None
    more = {
        "decoded": report.decoded,
        "steps_per_frame": report.steps_per_frame,
        "deadline_hit_rate": hit_rate,
    }
    return {key: finite(value) for key, value in {**to_plain(report), **more}.items()}


def overview(context: Context, seen: dict[str, int]) -> dict[str, Any]:
    """All that the page shows besides pictures.

    Args:
        seen: the newest frame of each camera that the page knows the steps of; brought up to date.
    """
    cameras, settings = [], context.server.cameras()
    for name, report in context.server.reports().items():
        if name not in settings:
            continue  # gone meanwhile
        points = context.hub.points(name, seen.get(name, -1))
        if points:
            seen[name] = points[-1][0]
        few = {key: getattr(settings[name], key) for key in SETTINGS}
        cameras.append({"name": name, **figures(report), "settings": few, "points": points})
    return {"cameras": cameras, "load": machine_load(context)}


def machine_load(context: Context) -> dict[str, float | None]:
    """Arrivals over measured capacity, at each camera's most steps and at its fewest."""
    load = context.server.load()
    return {"full": finite(load.full), "least": finite(load.least)}


def finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: null."""
    if not isinstance(value, float):
        return value
    return round(value, DIGITS) if isfinite(value) else None
