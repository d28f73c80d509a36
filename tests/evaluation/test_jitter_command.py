"""Jitter beside the scores: over whole clips, in the boxes of their labels, by the command a user types."""

import json
from pathlib import Path

import pytest
import torch
from support.pose_trees import NAMES, square_table

from streamdeq.cli import eval
from streamdeq.cli.main import build, guarded
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.bootstrap import Interval
from streamdeq.evaluation.jitter.measure import CONVERGED, SKIP, JitterRow, SolveSetting
from streamdeq.evaluation.jitter.report import cells, long_clips, usual_settings
from streamdeq.models.architecture import Architecture
from streamdeq.models.checkpoint import save_weights
from streamdeq.models.spec import ModelSpec
from streamdeq.streaming.options import StartFrom
from streamdeq.tasks import build_network

FRAMES = SKIP + 5
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
ASKED = "--iterations 1,2 --offsets 0,2 --resamples 0 --device cpu --precision fp32 --quiet --jitter"


def weights(folder: Path, bias: float = 0.5) -> str:
    cell = Architecture((8, 16), groups=4, expansion=2)
    spec = ModelSpec("tiny", "pose", cell, NAMES, COLOURS, size=32, head={"width": 16})
    torch.manual_seed(0)
    network = build_network(spec)
    network.head.final_layer.bias.data.fill_(bias)  # every score is about that
    save_weights(folder / "tiny.safetensors", network, spec)
    return str(folder / "tiny.safetensors")


def test_eval_says_how_steady_each_way_is_and_how_far_from_converged(tmp_path, capsys):
    data, out = square_table(tmp_path / "set", frames=FRAMES, splits=("val",)), tmp_path / "table.json"
    arguments = ["eval", weights(tmp_path), "--data", str(data), *ASKED.split()]
    assert guarded(build([eval.eval]), [*arguments, "--out", str(out), "--markdown"]) == 0
    shown = capsys.readouterr().out
    table = [line for line in shown.splitlines() if line.startswith(("| streaming", "| from scratch"))]
    assert [line.split(" | ")[:2] for line in table] == [
        ["| streaming", "1"], ["| streaming", "2"], ["| from scratch", "1"], ["| from scratch", "2"],
        ["| from scratch", "20"],
    ]  # fmt: skip
    # The middle frames of three on end: all but the first SKIP + 1 and the last.
    assert f"over {FRAMES - SKIP - 2} times three frames on end" in shown
    rows = json.loads(out.read_text())["jitter"]
    assert [row["way"]["iterations"] for row in rows] == [1, 2, 1, 2, 20]
    assert all(row["figures"]["jitter px"] >= 0 for row in rows)
    assert rows[0]["figures"]["distance px"] > 0
    assert rows[-1]["figures"]["distance px"] == 0
    assert rows[-1]["figures"]["times converged"] in (1, None)


def test_what_is_no_film_of_key_points_is_refused_before_any_work(tmp_path, capsys):
    model = weights(tmp_path)
    short = str(square_table(tmp_path / "set", frames=SKIP + 2))
    for data, said in (
        (short, "--jitter: expected a clip of at least 8 frames in split 'val' of"),
        ("synthetic:clips=1,frames=9,size=16x24", "--jitter is of key points; "),
    ):
        assert guarded(build([eval.eval]), ["eval", model, "--data", data, *ASKED.split()]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert len(error.splitlines()) == 1
    with pytest.raises(StreamdeqError, match="the longest has 7; take another split"):
        long_clips(open_dataset(short, "val"))


def test_a_count_that_stands_for_converged_is_not_measured_twice():
    assert usual_settings((1, 20)) == (
        SolveSetting(1),
        SolveSetting(20),
        SolveSetting(1, StartFrom.ZEROS),
        CONVERGED,
    )


def test_the_table_of_known_figures():
    figures = {"jitter px": 1.234, "jitter %": 0.5, "times converged": 0.9, "distance px": 2.0, "distance %": 1.0}
    rows = [
        JitterRow(SolveSetting(1), figures, Interval(0.8, 1.1), 30),
        JitterRow(CONVERGED, figures | {"times converged": float("nan")}, None, 30),
    ]
    assert cells(rows)[1:] == [
        ["streaming", "1", "1.23", "0.50", "0.90 (0.80–1.10)", "2.00", "1.00"],
        ["from scratch", "20", "1.23", "0.50", "–", "2.00", "1.00"],
    ]
    assert rows[1].to_plain()["figures"]["times converged"] is None
