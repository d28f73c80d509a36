"""Rules as a user writes them: lines and zones in a frame, and what is filmed of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from streamdeq.data.documents import read_settings
from streamdeq.errors import StreamdeqError
from streamdeq.tasks import Task
from streamdeq.values.numbers import check_above_zero, check_number

Anchor = Literal["bottom", "center", "top", "box"]
EventName = Literal["crossed", "entered", "left", "stayed"]
Point = tuple[float, float]
#: Pixels from the left or the top that nothing lies beyond: the largest pictures that are decoded.
FARTHEST = 16_384


@dataclass(frozen=True, kw_only=True)
class Line:
    """Counts what crosses it, between its ends, by the object's anchor.

    Args:
        start, end: x, y. From the right side to the left, looking from `start` to `end`, is "in".
        classes: of these alone; all if empty.
        anchor: the middle of a box's lower or upper edge, its centre, or all of the box.
    """

    start: Point
    end: Point
    classes: tuple[str, ...] = ()
    anchor: Anchor = "bottom"

    def points(self) -> tuple[Point, ...]:
        return (self.start, self.end)


@dataclass(frozen=True, kw_only=True)
class Zone:
    """Knows what is in a polygon.

    Args:
        polygon: its corners, x, y.
        classes, anchor: as of a `Line`.
        dwell_s: what is in it so long, in seconds of the film, is told once; None: nothing.
    """

    polygon: tuple[Point, ...]
    classes: tuple[str, ...] = ()
    anchor: Anchor = "bottom"
    dwell_s: float | None = None

    def points(self) -> tuple[Point, ...]:
        return self.polygon


@dataclass(frozen=True, kw_only=True)
class Clips:
    """Films around events, in a folder that never holds more than its quota.

    Args:
        folder: for the films.
        events: that are filmed.
        before_s, after_s: seconds before and after an event; one within another's film makes that longer.
        longest_s: of one film.
        quota_mb: when a film is finished the oldest of the folder go, until all have no more.
        keep_days: older ones go too; None: none for that.
    """

    folder: Path
    events: tuple[EventName, ...] = ("crossed", "entered", "stayed")
    before_s: float = 3.0
    after_s: float = 3.0
    longest_s: float = 60.0
    quota_mb: float = 1000.0
    keep_days: float | None = None

    def __post_init__(self) -> None:
        for name in ("before_s", "after_s"):
            check_number(f"clips.{name}", getattr(self, name), least=0)
        for name in ("longest_s", "quota_mb", "keep_days"):
            if (value := getattr(self, name)) is not None:
                check_above_zero(f"clips.{name}", value)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """All rules of one camera.

    Args:
        units: of all points: pixels of the frame, or fractions of its width and height.
        patience_s: an object that is not seen for so long is gone; until then it stays where it was seen.
    """

    units: Literal["pixels", "fractions"] = "pixels"
    lines: dict[str, Line] = field(default_factory=dict)
    zones: dict[str, Zone] = field(default_factory=dict)
    clips: Clips | None = None
    patience_s: float = 1.0

    def __post_init__(self) -> None:
        check_number("patience_s", self.patience_s, least=0)
        if not self.lines and not self.zones:
            raise StreamdeqError("rules: expected lines or zones, got none of either")
        for name in self.lines.keys() & self.zones.keys():
            raise StreamdeqError(f"rules: '{name}' is a line and a zone; give one another name")
        for name, rule in (*self.lines.items(), *self.zones.items()):
            _check(name, rule, self.units)

    def check_classes(self, known: Iterable[str]) -> None:
        """Raise StreamdeqError where a rule is for a class that is never found."""
        known = list(known)
        for name, rule in (*self.lines.items(), *self.zones.items()):
            for wanted in rule.classes:
                if wanted not in known:
                    raise StreamdeqError(f"rules: {name}: no class '{wanted}' (choices: {', '.join(known)})")


def read_rules(path: Path) -> Rules:
    """From a YAML file.

    Raises:
        StreamdeqError: it is none, has a key that does not exist, or rules that mean nothing.
    """
    return read_settings(Rules, path)


def rules_for(task: Task, path: Path) -> Rules:
    """The rules in a file, which a detector's answers are watched by.

    Raises:
        StreamdeqError: they cannot be read, or are not for such answers.
    """
    if not task.locates:
        raise StreamdeqError(f"rules watch boxes; {task.spec.task} gives none: take a detector, such as people-s")
    rules = read_rules(path)
    rules.check_classes(task.spec.classes)
    return rules


def _check(name: str, rule: Line | Zone, units: str) -> None:
    most = 1 if units == "fractions" else FARTHEST
    points = rule.points()
    if not all(0 <= value <= most for point in points for value in point):
        raise StreamdeqError(f"rules: {name}: expected points from 0 to {most} ({units}), got {points}")
    if len({*points}) < len(points) or len(points) < (3 if isinstance(rule, Zone) else 2):
        what = "three different corners or more" if isinstance(rule, Zone) else "two different ends"
        raise StreamdeqError(f"rules: {name}: expected {what}, got {points}")
    if isinstance(rule, Zone) and rule.dwell_s is not None:
        check_above_zero(f"rules: {name}: dwell_s", rule.dwell_s)
