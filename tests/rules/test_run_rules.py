"""`run --rules`: events among the records, and what a run says about rules that are not for its model."""

import json
from pathlib import Path

import pytest
from support.pose_parts import detector
from support.small_models import frames, tiny_model

from streamdeq.api import Model, load
from streamdeq.errors import StreamdeqError
from streamdeq.running.options import RunOptions
from streamdeq.running.run import Run

RULES = "lines: {gate: {start: [0, 10], end: [60, 10]%s}}"


@pytest.fixture(scope="module")
def boxes() -> Model:
    return detector()


def test_rules_are_for_detectors_and_for_their_classes(boxes: Model, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES % "")
    with pytest.raises(StreamdeqError, match="segmentation gives none: take a detector"):
        Run(tiny_model(), [], RunOptions(rules=path))
    path.write_text(RULES % ", classes: [unicorn]")
    with pytest.raises(StreamdeqError, match="gate: no class 'unicorn'"):
        Run(boxes, [], RunOptions(rules=path))
    with pytest.raises(StreamdeqError, match="cannot read"):
        Run(boxes, [], RunOptions(rules=tmp_path / "none.yaml"))


def test_a_run_with_rules_tracks_and_draws_its_lines(boxes: Model, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES % "")
    work = Run(boxes, [frame.image for frame in frames(3)], RunOptions(rules=path, save=tmp_path / "out"))
    with work.results() as results:
        assert all(result.ids is not None for result in results)
    assert len(work.paths["jsonl"].read_text().splitlines()) >= 3


@pytest.mark.shared
@pytest.mark.slow  # a real model over a real film
def test_a_real_film_is_counted_as_its_own_tracks_say(tmp_path: Path, shared_dir: Path) -> None:
    """The events of a run agree with a plain count over the boxes and ids in its JSON lines."""
    clip = shared_dir / "data/mot15-mini/images/TUD-Campus"
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "units: fractions\n"
        "lines: {middle: {start: [0.5, 0], end: [0.5, 1], anchor: center}}\n"
        "zones: {left: {polygon: [[0, 0], [0.5, 0], [0.5, 1], [0, 1]], anchor: center}}\n"
        f"clips: {{folder: {tmp_path / 'clips'}, before_s: 0.5, after_s: 0.5}}\n"
    )
    options = RunOptions(save=tmp_path / "out", rules=rules, to=(f"sqlite:{tmp_path / 'a.db'}",))
    work = Run(load("person-s"), clip, options)
    with work.results() as results:
        width = next(iter([result.frame_hw[1] for result in results]))
    records = [json.loads(line) for line in work.paths["jsonl"].read_text().splitlines()]
    lines = [one for one in records if one["schema"] == "streamdeq/result@1"]
    events = [one for one in records if one["schema"] == "streamdeq/event@1"]
    assert len(lines) == 71
    side, expected = {}, []
    for line in lines:
        for one in line["objects"]:
            if one["id"] < 0:
                continue
            left, _, right, _ = one["box_xyxy"]
            now = (left + right) / 2 < width / 2
            if side.get(one["id"], now) != now:
                expected.append((line["index"], one["id"], now))
            side[one["id"]] = now
    crossed = [one for one in events if one["event"] == "crossed"]
    assert crossed, "nobody crossed: the film is no test"
    # Looking down from the upper end the left of the picture is on the right.
    assert sorted((one["index"], one["id"], one["direction"] == "out") for one in crossed) == sorted(expected)
    entered = [one for one in events if one["event"] == "entered"]
    assert len(entered) >= sum(to_left for *_, to_left in expected)
    for one in crossed:
        assert (tmp_path / "clips" / one["clip"]).exists()
