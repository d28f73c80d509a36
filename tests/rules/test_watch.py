"""Lines, zones and stays over boxes whose ways are known."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from streamdeq.errors import StreamdeqError
from streamdeq.results.record import schema_of
from streamdeq.rules.config import Line, Rules, Zone, read_rules
from streamdeq.rules.marks import draw_marks
from streamdeq.rules.watch import Watch
from streamdeq.tasks.detection.result import Detections
from streamdeq.values.status import Start, Status

HW = (100, 200)
CLASSES = ("car", "person")
#: Looking from the left end to the right one, up is the left side: pictures' y points down.
LEVEL = Line(start=(50, 50), end=(150, 50))


def frame(index: int, *objects: tuple[int, str, float, float], hw=HW, fps: float = 10.0) -> Detections:
    """Objects (id, class, x, y), each a box of 10 by 20 whose lower edge's middle is at x, y."""
    boxes = np.array([(x - 5, y - 20, x + 5, y) for *_, x, y in objects], np.float32).reshape(-1, 4)
    return Detections(
        status=Status(index, index / fps, 1, 1, 0.1, Start.WARM),
        boxes_xyxy=boxes,
        scores=np.full(len(objects), 0.75, np.float32),
        labels=np.array([CLASSES.index(name) for _, name, *_ in objects], np.int64),
        classes=CLASSES,
        palette=((0, 0, 0),) * 2,
        frame_hw=hw,
        ids=np.array([own for own, *_ in objects], np.int64),
    )


def watched(rules: Rules, frames) -> tuple[list[dict], object]:
    watch, events, marks = Watch(rules), [], None
    for result in frames:
        told, marks = watch.update(result, camera="gate", at=5.0)
        events += told
    for event in events:
        jsonschema.validate(event, schema_of("event"))
    return events, marks


def walk(own: int, name: str, *points: tuple[float, float], first: int = 0, steps: int = 10) -> list[tuple]:
    """(frame, object) along a way of straight parts."""
    way = [tuple(np.add(a, np.subtract(b, a) * k / steps)) for a, b in pairwise(points) for k in range(steps)]
    return [(first + n, (own, name, *place)) for n, place in enumerate(way)]


def film(*walks: list[tuple], length: int | None = None) -> list[Detections]:
    there = [step for steps in walks for step in steps]
    length = length or max(index for index, _ in there) + 1
    return [frame(n, *(one for index, one in there if index == n)) for n in range(length)]


def told(events: list[dict], *keys: str) -> list[tuple]:
    return [tuple(event.get(key) for key in keys) for event in events]


# -- lines -----------------------------------------------------------------------------------------------------


def test_who_goes_up_through_a_level_line_goes_in_and_who_comes_down_goes_out() -> None:
    up = walk(1, "car", (100, 90), (100, 21))
    down = walk(2, "person", (80, 21), (80, 90))
    events, marks = watched(Rules(lines={"gate": LEVEL}), film(up, down))
    assert sorted(told(events, "event", "direction", "class", "id")) == [
        ("crossed", "in", "car", 1),
        ("crossed", "out", "person", 2),
    ]
    assert (events[-1]["in"], events[-1]["out"]) == (1, 1)
    assert (marks.lines[0].in_, marks.lines[0].out) == (1, 1)
    crossing = next(event for event in events if event["id"] == 1)
    assert crossing["index"] == 6  # (100, 48.6), the first point above 50
    assert crossing["time_s"] == 0.6
    assert crossing["box_xyxy"] == [95.0, 28.6, 105.0, 48.6]


def test_there_and_back_is_counted_both_ways_and_to_and_fro_each_time() -> None:
    way = walk(1, "car", (100, 90), (100, 21), (100, 90), (100, 21))
    events, _ = watched(Rules(lines={"gate": LEVEL}), film(way))
    assert told(events, "direction", "in", "out") == [("in", 1, 0), ("out", 1, 1), ("in", 2, 1)]


def test_who_passes_beside_the_lines_ends_or_is_of_another_class_is_not_counted() -> None:
    beside, person = walk(1, "car", (20, 90), (20, 21)), walk(2, "person", (100, 90), (100, 21))
    line = Line(start=(50, 50), end=(150, 50), classes=("car",))
    assert watched(Rules(lines={"gate": line}), film(beside, person))[0] == []


def test_an_object_that_is_hidden_while_it_crosses_is_counted() -> None:
    way = walk(1, "car", (100, 90), (100, 21))
    hidden = film([step for step in way if not 3 <= step[0] <= 8], length=12)
    assert told(watched(Rules(lines={"gate": LEVEL}), hidden)[0], "direction", "index") == [("in", 9)]
    gone = Rules(lines={"gate": LEVEL}, patience_s=0.2)  # now it is another one that appears there
    assert watched(gone, hidden)[0] == []


def test_unsure_ids_are_nobody_and_without_ids_there_are_no_rules() -> None:
    assert watched(Rules(lines={"gate": LEVEL}), film(walk(-1, "car", (100, 90), (100, 21))))[0] == []
    with pytest.raises(StreamdeqError, match="--track"):
        Watch(Rules(lines={"gate": LEVEL})).update(replace(frame(0), ids=None), camera="gate", at=0)


def test_fractions_grow_with_the_frame() -> None:
    line = Line(start=(0.25, 0.5), end=(0.75, 0.5))
    rules = Rules(units="fractions", lines={"gate": line})
    big = [frame(n, (1, "car", 500, 900 - 100 * n), hw=(1000, 1000)) for n in range(9)]
    assert told(watched(rules, big)[0], "direction", "index") == [("in", 5)]
    _, marks = watched(rules, film(walk(1, "car", (100, 90), (100, 21))))
    assert (marks.lines[0].start, marks.lines[0].end, marks.lines[0].in_) == ((50, 50), (150, 50), 1)


# -- zones -----------------------------------------------------------------------------------------------------

YARD = Zone(polygon=((50, 30), (150, 30), (150, 70), (50, 70)), dwell_s=1.0)


def test_a_stay_is_entered_told_once_when_it_is_long_and_left_with_its_time() -> None:
    # In x from 50 to 150: there from frame 5 to 15 (0.5 to 1.5 s).
    events, marks = watched(Rules(zones={"yard": YARD}), film(walk(1, "car", (0, 50), (200, 50), steps=20)))
    assert told(events, "event", "index", "dwell_s", "inside") == [
        ("entered", 5, 0.0, 1),
        ("stayed", 15, 1.0, 1),
        ("left", 16, 1.1, 0),
    ]
    assert marks.zones[0].inside == 0


def test_two_are_counted_together_and_only_of_the_zones_classes() -> None:
    stays = [
        walk(own, name, (60 + own, 50), (61 + own, 50), first=own) for own, name in enumerate(("car", "car", "person"))
    ]
    zone = Zone(polygon=YARD.polygon, classes=("car",))
    events, marks = watched(Rules(zones={"yard": zone}), film(*stays)[:8])
    assert told(events, "event", "id", "inside") == [("entered", 0, 1), ("entered", 1, 2)]
    assert marks.zones[0].inside == 2


def test_who_is_not_seen_any_more_has_left_when_it_was_last_seen() -> None:
    events, _ = watched(Rules(zones={"yard": YARD}), film(walk(1, "car", (100, 50), (101, 50)), length=40))
    assert told(events, "event", "index", "dwell_s") == [("entered", 0, 0.0), ("left", 20, 0.9)]


def test_a_short_loss_is_no_end_of_a_stay() -> None:
    way = [step for step in walk(1, "car", (100, 50), (101, 50), steps=30) if not 10 <= step[0] < 15]
    events, _ = watched(Rules(zones={"yard": YARD}), film(way))
    assert told(events, "event", "index") == [("entered", 0), ("stayed", 15)]


def test_a_film_that_begins_anew_is_another_one() -> None:
    stay = film(walk(1, "car", (100, 50), (101, 50)))
    events, marks = watched(Rules(zones={"yard": YARD}), [*stay, *stay])
    assert told(events, "event", "index") == [("entered", 0), ("entered", 0)]
    assert marks.zones[0].inside == 1


# -- drawing ---------------------------------------------------------------------------------------------------


def test_lines_and_zones_are_drawn_where_they_are_on_a_copy() -> None:
    _, marks = watched(Rules(lines={"gate": LEVEL}, zones={"yard": YARD}), film(walk(1, "car", (100, 90), (100, 21))))
    black = np.zeros((*HW, 3), np.uint8)
    drawn = draw_marks(black, marks)
    assert not black.any()
    assert drawn.shape == black.shape
    assert drawn[50, 55].tolist() == [250, 200, 40] or drawn[50, 55].tolist() == [40, 200, 250]
    assert drawn[30, 60].any()
    assert not drawn[10, 10].any()


# -- files -----------------------------------------------------------------------------------------------------


def test_rules_are_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        """
units: fractions
lines:
  gate: {start: [0.1, 0.5], end: [0.9, 0.5], classes: [person], anchor: center}
zones:
  yard:
    polygon: [[0, 0], [1, 0], [1, 1]]
    dwell_s: 5
clips: {folder: clips, quota_mb: 50, events: [stayed]}
"""
    )
    rules = read_rules(path)
    assert rules.lines == {"gate": Line(start=(0.1, 0.5), end=(0.9, 0.5), classes=("person",), anchor="center")}
    assert rules.zones == {"yard": Zone(polygon=((0, 0), (1, 0), (1, 1)), dwell_s=5)}
    assert (rules.clips.folder, rules.clips.quota_mb, rules.clips.events) == (Path("clips"), 50, ("stayed",))
    rules.check_classes(["person", "car"])
    with pytest.raises(StreamdeqError, match="gate: no class 'person'"):
        rules.check_classes(["car"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("units: pixels", "expected lines or zones"),
        ("lines: {gate: {start: [1, 2]}}", "lines.gate: lacks the entry 'end'|lines: lacks the entry 'end'"),
        ("lines: {gate: {start: [1, 2], ende: [3, 4]}}", "'ende'; did you mean 'end'"),
        ("lines: {gate: {start: [1, 2], end: [1, 2]}}", "gate: expected two different ends"),
        ("lines: {gate: {start: [1, two], end: [1, 2]}}", "expected 2 values"),
        ("lines: {gate: {start: [1, nan], end: [1, 2]}}", "expected 2 values"),
        ("zones: {yard: {polygon: [[0, 0], [1, 1]]}}", "yard: expected three different corners"),
        ("{units: fractions, zones: {yard: {polygon: [[0, 0], [1, 1], [2, 0]]}}}", "from 0 to 1"),
        ("zones: {yard: {polygon: [[0, 0], [1, 1], [2, 0]], dwell_s: 0}}", "dwell_s must be above 0"),
        (
            "{lines: {a: {start: [1, 2], end: [3, 4]}}, zones: {a: {polygon: [[0, 0], [1, 1], [2, 0]]}}}",
            "'a' is",
        ),
        (
            "{lines: {a: {start: [1, 2], end: [3, 4]}}, clips: {folder: x, quota_mb: -1}}",
            "quota_mb must be above",
        ),
    ],
)
def test_rules_that_mean_nothing_are_refused_with_their_file(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    with pytest.raises(StreamdeqError, match=message) as refused:
        read_rules(path)
    assert str(refused.value).startswith(str(path))
