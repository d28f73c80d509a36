"""Rules of a camera: events beside its answers, in the sinks, on the picture, and films of them."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.cameras import ended, latent_model, pictures, played, server_of, taken

from streamdeq.errors import StreamdeqError
from streamdeq.results.sinks import read_sink
from streamdeq.rules.config import Clips, Line, Rules
from streamdeq.serving.server import CameraConfig
from streamdeq.serving.server.outputs import Outputs
from streamdeq.tasks.detection.result import Detections

FRAMES = 12
GATE = Rules(lines={"gate": Line(start=(0, 16), end=(48, 16))})


class Walker(SimpleNamespace):
    """A task that sees somebody walk down the picture, whatever it shows."""

    joins = label_maps = False
    locates = True
    spec = SimpleNamespace(task="detection", classes=("person",))

    def chooser(self, choice: Any) -> Any:
        def choose(answer: Any) -> Detections:
            y = 4 + 2.0 * answer.status.frame_index
            return Detections(
                status=answer.status,
                boxes_xyxy=np.array([[20, y - 4, 28, y]], np.float32),
                scores=np.ones(1, np.float32),
                labels=np.zeros(1, np.int64),
                classes=("person",),
                palette=((1, 2, 3),),
                frame_hw=(32, 48),
                ids=np.array([7]) if choice.track else None,
            )

        return choose

    def draw(self, image: np.ndarray, result: Any) -> np.ndarray:
        return image.copy()

    def record(self, result: Detections) -> dict[str, Any]:
        return {"objects": [{"class": "person"}]}


def walked() -> Any:
    model = latent_model()
    model.task = Walker()
    return model


def test_events_stand_beside_the_answer_and_their_lines_on_the_picture():
    with server_of(walked()) as server:
        subscription = server.subscribe()
        server.add("door", CameraConfig("any", rules=GATE, max_steps=1), played(pictures(FRAMES), 15))
        server.add("hall", CameraConfig("any", max_steps=1), played(pictures(FRAMES), 15))
        ended(server, "door", "hall")
        published = taken(subscription)
    seen = [event for one in published for event in one.events]
    assert [(event["event"], event["rule"], event["id"], event["camera"]) for event in seen] == [
        ("crossed", "gate", 7, "door")
    ]
    assert {one.marks is not None for one in published if one.camera == "door"} == {True}
    assert {one.marks for one in published if one.camera == "hall"} == {None}
    door = next(one for one in published if one.camera == "door")
    assert (door.picture() != door.frame.image).any()


def test_events_go_to_the_sinks_with_the_names_of_their_films(tmp_path: Path):
    rules = replace(GATE, clips=Clips(folder=tmp_path / "films", before_s=0.2, after_s=0.2))
    server, lines = server_of(walked()), tmp_path / "out.jsonl"
    with Outputs(server, [read_sink(f"jsonl:{lines}")]), server:
        server.add("door", CameraConfig("any", rules=rules, max_steps=1), played(pictures(FRAMES), 15))
        ended(server, "door")
        processed = server.reports()["door"].processed
    told = [json.loads(line) for line in lines.read_text().splitlines()]
    events = [one for one in told if one["schema"] == "streamdeq/event@1"]
    assert len(told) == processed + len(events)
    assert len(events) == 1
    assert (tmp_path / "films" / events[0]["clip"]).stat().st_size > 0


def test_a_folder_for_films_that_cannot_be_costs_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "file").touch()
    rules = replace(GATE, clips=Clips(folder=tmp_path / "file"))
    server, lines = server_of(walked()), tmp_path / "out.jsonl"
    with Outputs(server, [read_sink(f"jsonl:{lines}")]), server:
        server.add("door", CameraConfig("any", rules=rules, max_steps=1), played(pictures(FRAMES), 15))
        ended(server, "door")
        processed = server.reports()["door"].processed
    assert len(lines.read_text().splitlines()) == processed + 1
    assert caplog.text.count("camera door: no film") == 1


def test_rules_may_stand_in_a_file_of_their_own(tmp_path: Path):
    path = tmp_path / "rules.yaml"
    path.write_text("lines: {gate: {start: [0, 16], end: [48, 16]}}")
    assert CameraConfig("any", rules=str(path)).read_rules() == GATE
    with server_of(walked()) as server, pytest.raises(StreamdeqError, match="missing"):
        server.add("door", CameraConfig("any", rules=str(tmp_path / "missing.yaml")), played(pictures(3), 15))


def test_rules_are_for_boxes():
    with server_of() as server, pytest.raises(StreamdeqError, match="rules watch boxes; segmentation gives none"):
        server.add("door", CameraConfig("any", rules=GATE), played(pictures(3), 15))
