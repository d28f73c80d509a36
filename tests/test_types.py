"""What a type checker sees of a user's program: answers of their own kind, not Any, and options that do not exist."""

import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from streamdeq.models import zoo
from streamdeq.models.checkpoint import read_weights

ROOT = Path(__file__).resolve().parent.parent

#: A line's type is what is said behind it.
PROGRAM = """
import numpy as np
import streamdeq
from streamdeq import Detections, Model, Poses, Segmentation

image = np.zeros((64, 64, 3), np.uint8)
model = streamdeq.load("camvid-s")
reveal_type(model)  # Model[Segmentation]
reveal_type(model.predict("a.mp4"))  # list[Segmentation]
reveal_type(model.predict("a.mp4", stream=True))  # Iterator[Segmentation]
reveal_type(model.solve(image).shares())  # dict[str, float]
with model.stream(iterations=2) as stream:
    reveal_type(stream(image))  # Segmentation
    reveal_type(stream.read())  # Segmentation
    for result in stream.run("a.mp4"):
        reveal_type(result)  # Segmentation
with model.streams(2) as streams:
    reveal_type(streams([image, None]))  # list[Segmentation | None]
for found in streamdeq.load("person-s").track("a.mp4", 1, conf=0.5, stream=True):
    reveal_type(found)  # Detections
    reveal_type(found.above(0.5)[0].of("person"))  # Detections
reveal_type(streamdeq.load("bee-s").solve(image).kept())  # Poses
reveal_type(streamdeq.load("street-depth-s").solve(image))  # Depth
own: Model[Detections] = streamdeq.load("mine.safetensors")
reveal_type(own.predict(image)[0])  # Detections
reveal_type(streamdeq.load("mine.safetensors").solve(image))  # Any


def told(result: streamdeq.Result) -> None:
    if isinstance(result, Segmentation):
        reveal_type(result)  # Segmentation
    elif isinstance(result, Poses):
        reveal_type(result)  # Poses


def brake(result: Segmentation) -> None: ...


with model.stream() as stream:
    stream(image, on_update=brake)
"""
WRONG = """
import streamdeq

model = streamdeq.load("camvid-s")
model.predict("a.mp4", keeep=True)
model.predict("a.mp4")[0].boxes_xyxy
model.predict("a.mp4", iterations="two")
"""


def checked(folder: Path, program: str) -> list[dict]:
    """What pyright says of it, as a user who has the package installed would hear it."""
    (folder / "user.py").write_text(program)
    settings = {"extraPaths": [str(ROOT / "src")], "venvPath": str(ROOT), "venv": ".venv", "include": ["user.py"]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "-p", str(folder), "--outputjson", "--pythonpath", sys.executable]
    said = subprocess.run(command, capture_output=True, text=True, timeout=250)
    return json.loads(said.stdout[said.stdout.index("{") :])["generalDiagnostics"]


def test_a_type_checker_sees_answers_of_their_own_kind(tmp_path: Path) -> None:
    pytest.importorskip("pyright")
    found = checked(tmp_path, PROGRAM)
    assert [one["message"] for one in found if one["severity"] == "error"] == []
    types = {one["range"]["start"]["line"]: one["message"].split(" is ")[-1].strip('"') for one in found}
    expected = {
        n: line.split("  # ")[1]
        for n, line in enumerate(PROGRAM.splitlines())
        if line.strip().startswith("reveal_type")
    }
    assert types == expected


def test_a_type_checker_finds_options_and_fields_that_are_none(tmp_path: Path) -> None:
    pytest.importorskip("pyright")
    errors = [one["range"]["start"]["line"] for one in checked(tmp_path, WRONG) if one["severity"] == "error"]
    assert sorted(set(errors)) == [4, 5, 6]


def test_every_packaged_model_is_listed_under_its_task() -> None:
    listed = {
        "segmentation": zoo.Segmenters,
        "detection": zoo.Detectors,
        "pose": zoo.PoseModels,
        "depth": zoo.DepthModels,
    }
    of_task: dict[str, set[str]] = {task: set() for task in listed}
    for name in (*zoo.names(), *zoo.RESEARCH):
        of_task[read_weights(zoo.find(name))[0].task].add(name)
    assert {task: set(get_args(names)) for task, names in listed.items()} == of_task
