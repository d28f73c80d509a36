"""The whole way in real processes: train, stopped by SIGTERM, resumed, evaluated, run on a film."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import forked
from support.making_videos import decoded, write_video
from support.small_runs import wait_for_step

from streamdeq.data.open import open_dataset
from streamdeq.models.spec import read_spec
from streamdeq.tasks.segmentation.metric import ConfusionMatrix

DATA = "synthetic:clips=3,frames=8,size=48x64"
# Answering with any one class, or at random, scores 0.2 to 5.4 points here; 60 steps of training score 26 to 27.
ABOVE_CHANCE = 12.0


def streamdeq(*arguments: str) -> subprocess.Popen[str]:
    return forked.Popen(
        [sys.executable, "-m", "streamdeq", *arguments, "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def finished(*arguments: str) -> str:
    """What a command that must succeed prints."""
    running = streamdeq(*arguments)
    out, err = running.communicate(timeout=250)
    assert (running.returncode, err) == (0, "")
    return out


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of a run that was terminated in the middle and resumed."""
    folder = tmp_path_factory.mktemp("runs") / "street"
    running = streamdeq("train", "synthetic-tiny", "--data", DATA, "--out", str(folder), "--threads", "1")
    wait_for_step(folder, 10, running)
    running.send_signal(signal.SIGTERM)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGTERM
    assert err.endswith(f"go on with: streamdeq train --resume {folder}\n")
    assert not (folder / "model.safetensors").exists()

    said = finished("train", "--resume", str(folder), "--threads", "1")
    assert said == f"{folder / 'model.safetensors'}\n"
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log if "loss" in line] == list(range(1, 61))
    return folder / "model.safetensors"


def test_the_table_of_the_trained_model_is_far_above_chance(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "table.json"
    line = f"eval {trained} --data {DATA} --iterations 1,2 --offsets 0,4 --precision fp32 --out {out}"
    said = finished(*line.split())
    assert said.startswith(f"mIoU of synthetic-tiny on {DATA}, val, the same ")
    rows = json.loads(out.read_text())["rows"]
    single = [row for row in rows if row["mode"] == "single"]
    streaming = {(row["iterations"], row["offset"]): row for row in rows if row["mode"] == "streaming"}
    assert [row["iterations"] for row in single] == [1, 2, 4, 8, 14, 20, 27]
    assert set(streaming) == {(1, 0), (1, 4), (2, 0), (2, 4)}
    assert {row["frames"] for row in rows} == {3 * (8 - 4)}
    assert [row for row in rows if not ABOVE_CHANCE < row["value"] <= 100] == []
    # Streaming that begins with the scored frame is the single-frame baseline.
    for row in single[:2]:
        assert streaming[row["iterations"], 0]["value"] == pytest.approx(row["value"], abs=0.01)


def test_the_trained_model_finds_the_street_in_a_film(trained: Path, tmp_path: Path) -> None:
    clip = open_dataset("synthetic:clips=1,frames=20,size=96x128,seed=7", "test").clips[0]
    film = write_video(tmp_path / "street.mp4", 20, size_hw=(96, 128), draw=lambda t, _: clip.image(t))
    save = tmp_path / "out"
    line = f"run {film} --model {trained} --save {save} --write video,jsonl,png --iterations 2 --device cpu"
    said = finished(*line.split())
    assert said.startswith("20 frames decoded = 20 processed")
    assert said.splitlines()[-1] == str(save / "street.mp4")

    annotated = decoded(save / "street.mp4")
    assert [time for time, _ in annotated] == [time for time, _ in decoded(film)]
    assert {image.shape for _, image in annotated} == {(96, 128, 3)}
    records = [json.loads(text) for text in (save / "street.jsonl").read_text().splitlines()]
    assert [record["index"] for record in records] == list(range(20))

    matrix = ConfusionMatrix(len(read_spec(trained).classes))
    for t in range(20):
        labels = np.array(Image.open(save / "street-labels" / f"{t:06d}.png"))
        matrix.update(labels, clip.target(t))
    assert matrix.miou > ABOVE_CHANCE
