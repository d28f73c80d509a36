"""From the boxes of frame after frame to events: who crossed a line, entered, left or stayed in a zone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.rules.config import Anchor, Line, Rules, Zone
from streamdeq.rules.marks import LineMark, Marks, ZoneMark
from streamdeq.tasks.detection.result import Detections
from streamdeq.tasks.drawing import supervision

SCHEMA = "streamdeq/event@1"


@dataclass
class Seen:
    """An object as it was last seen; `score` and `box` are JSON values."""

    name: str
    label: int
    score: float
    box: list[float]
    time_s: float


@dataclass
class Stay:
    """An object's time in a zone."""

    since_s: float
    told: bool = False


@dataclass
class LineState:
    name: str
    line: Line
    counter: Any  # supervision.LineZone


@dataclass
class ZoneState:
    name: str
    zone: Zone
    area: Any  # supervision.PolygonZone
    stays: dict[int, Stay] = field(default_factory=dict)


class Watch:
    """The rules of one camera at work.

    An object that is not found in some frames stays where it was for `patience_s`, so that one that is hidden on a
    line is counted, and a stay is one stay. When the film begins anew, or its pictures change their size, everything
    does.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules, self._sv = rules, supervision("lines and zones", "detection")
        self._frame_hw: tuple[int, int] | None = None
        self._time_s = -np.inf
        self._seen: dict[int, Seen] = {}
        self._lines: list[LineState] = []
        self._zones: list[ZoneState] = []

    def update(self, result: Detections, *, camera: str, at: float) -> tuple[list[dict[str, Any]], Marks]:
        """The events of a frame, as records, and what to draw on it.

        Args:
            result: with ids, that is, tracked.
            camera, at: for the records, as in those of answers.
        """
        if result.ids is None:
            raise StreamdeqError("rules follow objects by their ids: track them (--track)")
        time_s = result.status.time_s
        if result.frame_hw != self._frame_hw or time_s < self._time_s:
            self._begin(result.frame_hw)
        self._time_s = time_s
        own = {"schema": SCHEMA, "camera": camera, "at": round(at, 3), "index": result.status.frame_index}
        events = [*self._forget(time_s)]
        for n in np.flatnonzero(result.ids >= 0):
            label, box = int(result.labels[n]), [round(value, 2) for value in result.boxes_xyxy[n].tolist()]
            score = round(float(result.scores[n]), 4)
            self._seen[int(result.ids[n])] = Seen(result.classes[label], label, score, box, time_s)
        events += [event for line in self._lines for event in self._crossings(line)]
        events += [event for zone in self._zones for event in self._stays(zone, time_s)]
        return [{**own, "time_s": time_s, **event} for event in events], self._marks()

    def _begin(self, frame_hw: tuple[int, int]) -> None:
        sv, rules = self._sv, self._rules
        self._frame_hw = frame_hw
        self._seen.clear()
        scale = frame_hw[::-1] if rules.units == "fractions" else (1, 1)
        self._lines = [
            LineState(
                name,
                line,
                sv.LineZone(
                    sv.Point(*np.multiply(line.start, scale)),
                    sv.Point(*np.multiply(line.end, scale)),
                    self._anchors(line.anchor),
                ),
            )
            for name, line in rules.lines.items()
        ]
        self._zones = [
            ZoneState(
                name,
                zone,
                sv.PolygonZone(np.rint(np.multiply(zone.polygon, scale)).astype(np.int64), self._anchors(zone.anchor)),
            )
            for name, zone in rules.zones.items()
        ]

    def _anchors(self, anchor: Anchor) -> Sequence[Any]:
        position = self._sv.Position
        corners = (position.TOP_LEFT, position.TOP_RIGHT, position.BOTTOM_LEFT, position.BOTTOM_RIGHT)
        one = {"bottom": position.BOTTOM_CENTER, "center": position.CENTER, "top": position.TOP_CENTER}
        return corners if anchor == "box" else (one[anchor],)

    def _forget(self, time_s: float) -> Iterator[dict[str, Any]]:
        """Objects that were not seen for long are gone: they have left where they were."""
        for own in [own for own, seen in self._seen.items() if time_s - seen.time_s > self._rules.patience_s]:
            seen = self._seen.pop(own)
            for zone in self._zones:
                if stay := zone.stays.pop(own, None):
                    yield self._told("left", zone, own, seen, seen.time_s - stay.since_s)

    def _present(self, classes: tuple[str, ...]) -> tuple[list[int], Any]:
        """The ids of the objects there are, and those as `supervision.Detections`."""
        ids = [own for own, seen in sorted(self._seen.items()) if not classes or seen.name in classes]
        if not ids:
            return ids, self._sv.Detections.empty()
        some = [self._seen[own] for own in ids]
        labels = np.array([seen.label for seen in some])
        boxes = np.array([seen.box for seen in some], np.float32)
        return ids, self._sv.Detections(xyxy=boxes, class_id=labels, tracker_id=np.array(ids))

    def _crossings(self, state: LineState) -> Iterator[dict[str, Any]]:
        ids, present = self._present(state.line.classes)
        before = {"in": state.counter.in_count, "out": state.counter.out_count}
        for direction, crossed in zip(("in", "out"), state.counter.trigger(present), strict=True):
            for n in np.flatnonzero(crossed):
                before[direction] += 1
                event = _event("crossed", state.name, ids[n], self._seen[ids[n]])
                yield {**event, "direction": direction, **before}

    def _stays(self, state: ZoneState, time_s: float) -> Iterator[dict[str, Any]]:
        ids, present = self._present(state.zone.classes)
        inside = {own for own, there in zip(ids, state.area.trigger(present), strict=True) if there}
        for own in sorted(state.stays.keys() - inside):
            stay = state.stays.pop(own)
            yield self._told("left", state, own, self._seen[own], time_s - stay.since_s)
        for own in sorted(inside - state.stays.keys()):
            state.stays[own] = Stay(time_s)
            yield self._told("entered", state, own, self._seen[own], 0.0)
        for own, stay in state.stays.items():
            limit_s, here = state.zone.dwell_s, self._seen[own].time_s == time_s
            if limit_s is not None and here and not stay.told and time_s - stay.since_s >= limit_s:
                stay.told = True
                yield self._told("stayed", state, own, self._seen[own], time_s - stay.since_s)

    def _told(self, what: str, state: ZoneState, own: int, seen: Seen, dwell_s: float) -> dict[str, Any]:
        return {**_event(what, state.name, own, seen), "inside": len(state.stays), "dwell_s": round(dwell_s, 3)}

    def _marks(self) -> Marks:
        lines = []
        for state in self._lines:
            vector, counter = state.counter.vector, state.counter
            ends = vector.start.as_xy_int_tuple(), vector.end.as_xy_int_tuple()
            lines.append(LineMark(state.name, *ends, counter.in_count, counter.out_count))
        return Marks(tuple(lines), tuple(ZoneMark(s.name, s.area.polygon, len(s.stays)) for s in self._zones))


def _event(what: str, rule: str, own: int, seen: Seen) -> dict[str, Any]:
    return {
        "event": what,
        "rule": rule,
        "class": seen.name,
        "id": own,
        "score": seen.score,
        "box_xyxy": seen.box,
    }
