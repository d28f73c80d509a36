"""Rules of a server's cameras: events beside the answers, clips of what was published."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest
from support.camera_server import running, until
from support.small_files import image_folder, tiny_weights
from support.small_models import frames

from streamdeq.errors import StreamdeqError
from streamdeq.results.record import schema_of
from streamdeq.results.store import Query, find
from streamdeq.rules.config import Clips, Line, Rules
from streamdeq.serving.server import Server, read_config
from streamdeq.serving.server.published import Published
from streamdeq.serving.server.watching import Watching
from streamdeq.tasks.detection.result import Detections
from streamdeq.tasks.detection.task import DetectionTask
from streamdeq.values.frame import Frame
from streamdeq.values.status import Start, Status

TASK = DetectionTask(SimpleNamespace(task="detection", classes=("car",), head={}))
RULES = Rules(lines={"gate": Line(start=(10, 50), end=(190, 50))})


def published(index: int, y: float, rules: Rules | None, camera: str = "gate") -> Published:
    """A car whose lower edge is at `y`."""
    seen = Detections(
        status=Status(index, index / 10, 1, 1, 0.1, Start.WARM),
        boxes_xyxy=np.array([[95, y - 20, 105, y]], np.float32),
        scores=np.ones(1, np.float32),
        labels=np.zeros(1, np.int64),
        classes=("car",),
        palette=((250, 0, 0),),
        frame_hw=(100, 200),
        ids=np.zeros(1, np.int64),
    )
    frame = Frame(np.zeros((100, 200, 3), np.uint8), index, index / 10)
    return Published(camera, frame, seen, 1.0, 2.0, 3.0, TASK, rules)


def told(watching: Watching, rules: Rules | None, ys, camera: str = "gate") -> list[dict]:
    return [record for n, y in enumerate(ys) for record in watching.records(published(n, y, rules, camera))]


def test_events_stand_behind_the_answers_of_their_frames_and_cameras_are_watched_apart() -> None:
    with Watching() as watching:
        down, up = (told(watching, RULES, ys, name) for name, ys in (("a", [30, 45, 60]), ("b", [60, 45, 30])))
        none = told(watching, None, [30, 60], "c")
    assert [record.get("direction") for record in down] == [None, None, None, "out"]
    assert [record.get("direction") for record in up] == [None, None, "in", None]
    assert len(none) == 2
    for record in (*down, *up):
        jsonschema.validate(record, schema_of("event" if "event" in record else "result"))


def test_other_rules_begin_anew_and_clips_are_whole_in_the_end(tmp_path: Path) -> None:
    filming = replace(RULES, clips=Clips(folder=tmp_path))
    with Watching() as watching:
        told(watching, RULES, [30])
        assert [record.get("event") for record in told(watching, filming, [60, 60, 30])] == [None] * 3 + ["crossed"]
        [event] = [one for one in told(watching, filming, [60, 30, 60]) if "event" in one and one["direction"] == "in"]
    assert (tmp_path / event["clip"]).exists()
    assert {path.suffix for path in tmp_path.iterdir()} == {".mp4"}


def test_rules_that_are_not_for_a_cameras_model_are_told(tmp_path: Path) -> None:
    weights, pictures = tiny_weights(tmp_path / "tiny.safetensors"), [frame.image for frame in frames(3)]
    image_folder(tmp_path / "gate", pictures)
    (tmp_path / "rules.yaml").write_text("lines: {gate: {start: [0, 10], end: [60, 10]}}")
    file = tmp_path / "cameras.yaml"
    camera = f"{{source: {tmp_path / 'gate'}, rules: {tmp_path / 'rules.yaml'}}}"
    file.write_text(f"models: {{tiny: {weights}}}\ncameras: {{gate: {camera}}}\n")
    with pytest.raises(StreamdeqError, match="rules watch boxes; segmentation gives none"), Server(read_config(file)):
        pass


@pytest.mark.slow
@pytest.mark.shared
def test_a_served_film_tells_who_crosses(tmp_path: Path, shared_dir: Path) -> None:
    film, store = shared_dir / "data/mot15-mini/images/TUD-Campus", tmp_path / "results.db"
    rules = tmp_path / "rules.yaml"
    rules.write_text("{units: fractions, lines: {middle: {start: [0.5, 0], end: [0.5, 1], anchor: center}}}")
    file = tmp_path / "cameras.yaml"
    file.write_text(
        "models: {person: person-s}\n"
        f"cameras: {{campus: {{source: {film}, fps: 5, rules: {rules}}}}}\n"
        f"results: ['sqlite:{store}']\n"
    )
    with running(file):
        until(lambda: store.exists() and find(store, Query(kind="event")), "somebody crosses")
    event = find(store, Query(kind="event"))[0]
    assert (event["camera"], event["rule"], event["event"]) == ("campus", "middle", "crossed")
    assert find(store, Query(kind="result", class_="person"))
