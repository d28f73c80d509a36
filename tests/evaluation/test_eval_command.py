"""`streamdeq eval` in a process of its own, and the one line for what cannot be evaluated."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from support import forked

from streamdeq import __version__
from streamdeq.cli import eval, models
from streamdeq.cli.main import build, guarded
from streamdeq.data.synthetic.labels import PALETTE
from streamdeq.data.synthetic.scene import CLASSES
from streamdeq.models.architecture import Architecture
from streamdeq.models.checkpoint import save_weights
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import build_network

APP = build([eval.eval, models.models])
SPEC = ModelSpec("tiny", "segmentation", Architecture((4, 4), groups=2, expansion=1), CLASSES, PALETTE, size=16)
VIDEO = "synthetic:clips=1,frames=4,size=16x24"
PICTURES = "synthetic:clips=2,frames=1,size=16x24"


def weights(folder: Path, spec: ModelSpec = SPEC) -> str:
    torch.manual_seed(0)
    save_weights(folder / "tiny.safetensors", build_network(spec), spec)
    return str(folder / "tiny.safetensors")


def test_the_command_prints_the_table_and_writes_json(tmp_path: Path):
    model, out = weights(tmp_path), tmp_path / "table.json"
    line = f"eval {model} --data {VIDEO} --iterations 1,2 --offsets 0,2 --batch 3 --device cpu --precision fp32"
    command = [sys.executable, "-m", "streamdeq", *line.split(), "--latency", "--out", str(out)]
    done = forked.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr

    shown = done.stdout.splitlines()
    assert "mIoU of tiny on" in shown[0]
    assert "the same 2 frames in every figure; picard, 16 px, fp32, cpu" in shown[0]
    assert shown[2].split("  ")[-2:] == ["gain at +2", "ms per frame"]
    assert [row.split()[:2] for row in shown[3:5]] == [["1", "1"], ["2", "2"]]
    assert shown[6].startswith("single frame, by iterations: 1: ")
    assert done.stderr.splitlines()[-1].startswith(f"eval: {2 * 27 + 3 * 8}/{2 * 27 + 3 * 8} steps")

    found = json.loads(out.read_text())
    with safe_open(model, "pt") as file:
        assert found["header"]["hash"] == file.metadata()["hash"]
    expected = {"model": "tiny", "data": VIDEO, "split": "val", "size": 16, "precision": "fp32", "device": "cpu"}
    assert expected.items() <= found["header"].items()
    assert found["header"]["streamdeq"] == __version__
    assert {"torch", "python", "machine", "threads", "commit", "time_utc", "seconds"} <= set(found["header"])
    cells = [(row["mode"], row["iterations"], row["offset"]) for row in found["rows"]]
    assert cells == [
        *(("single", count, None) for count in (1, 2, 4, 8, 14, 20, 27)),
        ("streaming", 1, 0), ("streaming", 1, 2), ("streaming", 2, 0), ("streaming", 2, 2),
    ]  # fmt: skip
    assert {row["frames"] for row in found["rows"]} == {2}
    assert {row["metric"] for row in found["rows"]} == {"mIoU"}
    assert all(0 <= row["value"] <= 100 for row in found["rows"])
    assert all(0 <= row["low"] <= row["high"] <= 100 for row in found["rows"])
    assert [one["iterations"] for one in found["latency"]] == [1, 2]


def test_curves_are_drawn_of_what_streamed_and_of_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    model, chart = weights(tmp_path), tmp_path / "curves.png"
    asked = ["--iterations", "1", "--resamples", "0", "--quiet", "--chart", str(chart)]
    assert guarded(APP, ["eval", model, "--data", PICTURES, *asked]) == 2
    assert "only single pictures were scored" in capsys.readouterr().err
    assert guarded(APP, ["eval", model, "--data", VIDEO, *asked]) == 0
    with Image.open(chart) as picture:
        assert picture.size == (760, 400)


def test_single_pictures_give_the_single_frame_line_and_say_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert guarded(APP, ["eval", weights(tmp_path), "--data", PICTURES, "--quiet"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    shown = captured.out.splitlines()
    assert shown[2].startswith("single frame, by iterations: 1: ")
    assert shown[-1] == "split 'val' of synthetic has single pictures only, no video: nothing to stream"


def test_markdown_goes_into_a_readme(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    line = f"eval {weights(tmp_path)} --data {VIDEO} --iterations 1 --offsets 1 --markdown --quiet"
    assert guarded(APP, line.split()) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "| iterations | NFE | from scratch | +1 | gain at +1 |"
    assert shown[2].startswith("| 1 | 1 | ")


def test_intervals_are_shown_where_they_are_asked_for_and_drawn_as_often(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    line = f"eval {weights(tmp_path)} --data {VIDEO} --iterations 1 --offsets 1 --quiet --intervals"
    figures = []
    for resamples, interval in (("20", r" \(\d+\.\d–\d+\.\d\)"), ("0", "")):
        assert guarded(APP, [*line.split(), "--resamples", resamples]) == 0
        found = re.search(rf"^ +1 +1 +(\d+\.\d){interval} +(\d+\.\d){interval} +[+-]", capsys.readouterr().out, re.M)
        assert found is not None
        figures.append(found.groups())
    assert figures[0] == figures[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (f"--data {VIDEO} --offsets 0,9", "the longest clip has 4 frames"),
        (f"--data {VIDEO} --offsets 0,x", "--offsets: expected different whole numbers of at least 0"),
        (f"--data {VIDEO} --iterations 0", "--iterations: expected different whole numbers of at least 1"),
        (f"--data {VIDEO} --split trian", "did you mean 'train'?"),
        (f"--data {VIDEO} --offsets 0 --solver newton", "unknown solver 'newton'"),
        (f"--data {VIDEO} --batch 0", "--batch: expected a whole number of at least 1, got '0'"),
        (f"--data {VIDEO} --resamples -1", "--resamples: expected a whole number of at least 0, got '-1'"),
        ("", "Missing option '--data'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "table.json"
    assert guarded(APP, ["eval", weights(tmp_path), *arguments.split(), "--quiet", "--out", str(out)]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert (captured.err.count("\n"), captured.out) == (1, "")
    assert not out.exists()


def test_a_folder_that_is_none_is_three_lines_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert guarded(APP, ["eval", weights(tmp_path), "--data", "nowhere", "--quiet"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 3
    assert "nowhere, which is no folder" in told[0]


def test_data_with_other_classes_is_refused_by_the_first_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    swapped = replace(SPEC, classes=(CLASSES[0], CLASSES[2], CLASSES[1], *CLASSES[3:]))
    assert guarded(APP, ["eval", weights(tmp_path, swapped), "--data", VIDEO, "--offsets", "0", "--quiet"]) == 2
    assert f"number 1 is '{CLASSES[2]}' in the model and '{CLASSES[1]}' in the data" in capsys.readouterr().err
