"""`run --to`: the records of a run in every place, the same in all, as their schema says."""

import json
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest
from pyarrow import parquet
from support.publishing import free_port
from support.records import Server
from support.small_models import frames, tiny_model

from streamdeq.errors import StreamdeqError
from streamdeq.results.record import answer_record, schema_of
from streamdeq.results.store import Query, find
from streamdeq.running.options import RunOptions
from streamdeq.running.run import Run
from streamdeq.tasks.classification.result import Classification
from streamdeq.tasks.classification.task import ClassificationTask
from streamdeq.tasks.depth.result import Depth
from streamdeq.tasks.depth.task import DepthTask
from streamdeq.tasks.detection.result import Detections
from streamdeq.tasks.detection.task import DetectionTask
from streamdeq.tasks.pose.result import Poses
from streamdeq.tasks.pose.task import PoseTask
from streamdeq.values.status import Start, Status


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def run_to(model, *to: str, **options) -> Run:
    odd = np.zeros((1, 4000, 3), np.uint8)
    images = [frame.image for frame in frames(4)]
    work = Run(model, [*images[:2], odd, *images[2:]], RunOptions(to=to, **options))
    with work.results() as results:
        list(results)
    return work


def test_every_place_gets_the_lines_that_the_file_has(model, tmp_path: Path) -> None:
    with Server() as server:
        places = (f"sqlite:{tmp_path / 'a.db'}", f"parquet:{tmp_path / 'parquet'}", server.url)
        work = run_to(model, *places, save=tmp_path / "saved")
    lines = [json.loads(line) for line in (tmp_path / "saved" / "arrays.jsonl").read_text().splitlines()]
    assert [line["index"] for line in lines] == [0, 1, 2, 3, 4]
    assert {line["camera"] for line in lines} == {"arrays"}
    for line in lines:
        jsonschema.validate(line, schema_of("result"))
    assert find(tmp_path / "a.db", Query()) == lines[::-1]
    assert server.accepted == lines
    rows = parquet.read_table(tmp_path / "parquet").to_pylist(maps_as_pydicts="strict")
    assert [{key: row[key] for key in line} for row, line in zip(rows, lines, strict=True)] == lines
    assert [(told.written, told.lost) for told in work.summary.sinks] == [(5, 0)] * 3
    assert find(tmp_path / "a.db", Query(class_=next(iter(lines[0]["shares"]))))


def test_nothing_needs_to_be_saved_for_records_to_go_somewhere(model, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_to(model, "sqlite:a.db")
    assert {path.name for path in tmp_path.iterdir()} == {"a.db"}


def test_a_dead_place_costs_its_records_and_nothing_else(model, tmp_path: Path) -> None:
    work = run_to(model, f"sqlite:{tmp_path / 'a.db'}", f"http://127.0.0.1:{free_port()}/", save=tmp_path / "saved")
    alive, dead = work.summary.sinks
    assert (alive.written, alive.lost) == (5, 0)
    assert (dead.written, dead.lost) == (0, 5)
    assert "Connection refused" in dead.error
    assert len((tmp_path / "saved" / "arrays.jsonl").read_text().splitlines()) == 5


def test_a_place_that_can_never_be_written_is_told_before_the_first_frame(model, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StreamdeqError, match="cannot write to"):
        run_to(model, f"sqlite:{tmp_path / 'file' / 'a.db'}", save=tmp_path / "saved")
    assert not list((tmp_path / "saved").glob("*.mp4"))


STATUS = Status(3, 0.12, 1, 1, float("nan"), Start.COLD)
BOX = np.array([[1, 2, 30, 40]], np.float32)
ANSWERS = {
    "detection": (
        DetectionTask,
        Detections(
            status=STATUS,
            boxes_xyxy=BOX,
            scores=np.ones(1, np.float32),
            labels=np.zeros(1, np.int64),
            classes=("car",),
            palette=((0, 0, 0),),
            frame_hw=(48, 64),
            ids=np.array([5]),
        ),
    ),
    "pose": (
        PoseTask,
        Poses(
            status=STATUS,
            keypoints_xy=np.ones((1, 2, 2), np.float32),
            scores=np.ones((1, 2), np.float32),
            crops_xyxy=BOX,
            names=("a", "b"),
            skeleton=(),
            frame_hw=(48, 64),
        ),
    ),
    "classification": (
        ClassificationTask,
        Classification(status=STATUS, scores=np.array([0.25, 0.75], np.float32), classes=("cat", "dog")),
    ),
    "depth": (DepthTask, Depth(status=STATUS, depth_m=np.ones((4, 6), np.float32))),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_answer_of_every_task_is_a_record_of_the_schema_and_a_row_of_parquet(name: str, tmp_path: Path) -> None:
    from streamdeq.results.sinks.parquet import table
    from streamdeq.video.sinks.jsonl import plain

    kind, answer = ANSWERS[name]
    task = kind(SimpleNamespace(task=name, head={}, classes=()))
    line = plain(answer_record(task, answer, camera="gate", at=1.0, stages_s={"solve": 0.01}))
    jsonschema.validate(line, schema_of("result"))
    [row] = table([line], "result").to_pylist(maps_as_pydicts="strict")
    assert row["other"] is None
    [own] = set(task.record(answer))
    if isinstance(row[own], list):  # a column has what any of its entries may have
        row[own] = [{key: value for key, value in one.items() if value is not None} for one in row[own]]
    assert row[own] == line[own]
