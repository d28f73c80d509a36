"""`streamdeq run --boxes`: what a person types, what is left behind, and the one line on what cannot be."""

import json
import re
from pathlib import Path

import pytest
from support.making_videos import write_video
from support.pose_parts import DETECTOR, SPEC, detector_network, pose_network

from streamdeq.cli.main import COMMANDS, build, guarded
from streamdeq.models.checkpoint import save_weights


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a film of four frames, a pose model, a detector and a file of boxes."""
    folder = tmp_path_factory.mktemp("given")
    write_video(folder / "walk.mp4", 4)
    save_weights(folder / "poses.safetensors", pose_network(), SPEC)
    save_weights(folder / "detector.safetensors", detector_network(), DETECTOR)
    (folder / "boxes.json").write_text(json.dumps({"1": [[5, 5, 35, 45], [40, 5, 70, 45]], "2": [[6, 5, 36, 45]]}))
    return folder


def run(given: Path, save: Path, *arguments: str) -> int:
    paths = [str(given / name) if (given / name).exists() else name for name in arguments]
    known = ["--model", str(given / "poses.safetensors"), "--save", str(save), "--device", "cpu", "--precision", "fp32"]
    return guarded(build(COMMANDS), ["run", str(given / "walk.mp4"), *known, "--iterations", "1", "--quiet", *paths])


def people(save: Path) -> list[int]:
    return [len(json.loads(line)["instances"]) for line in (save / "walk.jsonl").read_text().splitlines()]


def test_boxes_in_a_file_say_who_is_looked_at_and_the_run_ends_with_its_latency(given, tmp_path, capsys):
    assert run(given, tmp_path, "--boxes", "boxes.json") == 0
    assert people(tmp_path) == [0, 2, 1, 0]
    told = capsys.readouterr().out
    assert re.search(r"frame to answer \(ms\): p50 [\d.]+, p95 [\d.]+, p99 [\d.]+", told)
    assert "locate" in told.split("where the time went")[1]


def test_a_detector_by_its_file_is_told_what_to_look_for(given, tmp_path):
    assert run(given, tmp_path / "some", "--boxes", "detector.safetensors", "--conf", "0.3", "--classes", "dog") == 0
    assert run(given, tmp_path / "all", "--boxes", "detector.safetensors", "--conf", "0") == 0
    some, every = people(tmp_path / "some"), people(tmp_path / "all")
    assert sum(some) < sum(every)
    assert all(few <= many for few, many in zip(some, every, strict=True))


def test_the_whole_frame_is_one_instance(given, tmp_path):
    assert run(given, tmp_path, "--boxes", "frame") == 0
    assert people(tmp_path) == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("boxes", "note"),
    [
        ({"99": [[5, 5, 35, 45]]}, "note: no box was in any frame: nothing was looked at"),
        ({"0": [[500, 500, 600, 600]]}, "note: no box was in any frame: nothing was looked at"),
        (
            {"0": [[5, 5, 35, 45]], "3": [[5, 5, 35, 45]], "4": [[5, 5, 35, 45]], "9": [[5, 5, 35, 45]], "10": []},
            "note: 2 frames that have boxes lie behind the end of the source",
        ),
        ({"0": [[5, 5, 35, 45]], "3": [[5, 5, 35, 45]]}, ""),
    ],
)
def test_boxes_that_have_no_effect_are_told(given, tmp_path, capsys, boxes, note):
    (tmp_path / "odd.json").write_text(json.dumps(boxes))
    assert run(given, tmp_path / "out", "--boxes", str(tmp_path / "odd.json")) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")]
    assert told == ([note] if note else [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--boxes boxes.json --conf 0.5", "--conf, --classes and --track choose among a detector's boxes"),
        ("--conf 0.5", "--conf, --classes and --track choose among a detector's boxes"),
        ("--boxes poses.safetensors", "boxes: expected a detection model, got 'tiny-pose', which is for pose"),
        ("--boxes detector.safetensors --classes dot", "--classes: unknown class 'dot'; did you mean 'dog'"),
        ("--boxes labels", "boxes: expected a data set with boxes or key points around"),
        ("--boxes walk.mp4", "walk.mp4"),
        ("--boxes nobody", "unknown model 'nobody'"),
        ("--model camvid-s --boxes boxes.json", "segmentation looks at whole frames"),
    ],
)
def test_boxes_that_say_nothing_are_one_line_and_leave_nothing_behind(given, tmp_path, capsys, arguments, message):
    assert run(given, tmp_path / "out", *arguments.split()) == 2
    told = capsys.readouterr().err.strip()
    assert message in told
    assert "\n" not in told
    assert not (tmp_path / "out").exists()
