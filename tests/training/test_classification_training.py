"""A classifier is trained by the same loop, on folders of pictures, and its backbone goes on into segmentation."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file
from support.small_runs import TINY, command, data, lines, settings

import streamdeq
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError
from streamdeq.models.checkpoint import read_weights
from streamdeq.tasks.classification import Classification
from streamdeq.tasks.classification.objective import objective
from streamdeq.training.run import WEIGHTS

SETTINGS = (
    *("synthetic-tiny", "task=classification", "size=32", "crop_hw=32,32", "batch=8", "steps=30", "statistics=4"),
    *("architecture.channels=8,8", "architecture.groups=4", "architecture.expansion=1", "unroll.high=3", "ema=0.8"),
    *("augment.jitter.hue=0", "optimizer.lr=3e-3"),
)


def picture(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Stripes along one axis, of any phase, in noise: colour and brightness say nothing."""
    wave = 90 * np.sin(np.arange(40) * 0.8 + rng.uniform(0, 6)) + 128
    plane = np.tile(wave, (40, 1)) if kind == "upright" else np.tile(wave[:, None], (1, 40))
    return (plane[..., None] + rng.normal(0, 12, (40, 40, 3))).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`{train,val}/{level,upright}/*.png`."""
    root, rng = tmp_path_factory.mktemp("stripes"), np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 6)):
        for kind in ("level", "upright"):
            (root / split / kind).mkdir(parents=True)
            for k in range(count):
                Image.fromarray(picture(kind, rng)).save(root / split / kind / f"{k}.png")
    return root


@pytest.fixture(scope="module")
def run(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "cls"
    assert command(*SETTINGS, "--data", str(folders), "--out", str(out), "--eval-split", "val") == 0
    return out


def test_a_classifier_learns_to_tell_stripes_apart(run):
    losses = [line["loss"] for line in lines(run) if "loss" in line]
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])
    validation = [line for line in lines(run) if line.get("event") == "validation"][-1]
    assert validation["top-1"]["4"] >= 80
    spec, _ = read_weights(run / WEIGHTS)
    assert (spec.task, spec.classes) == ("classification", ("level", "upright"))
    assert spec.provenance.metrics["top-1 val single 4"] == validation["top-1"]["4"]


def test_the_weights_answer_through_the_facade(run):
    model = streamdeq.load(run / WEIGHTS, "cpu", "fp32")
    rng = np.random.default_rng(1)
    answers = [model.solve(picture(kind, rng), iterations=4) for kind in ("level", "upright") * 4]
    assert all(isinstance(answer, Classification) for answer in answers)
    assert sum(a.label == kind for a, kind in zip(answers, ("level", "upright") * 4, strict=True)) >= 6


def test_the_trained_backbone_goes_on_into_segmentation(run, tmp_path):
    recipe = replace(TINY, steps=1)
    assert command(*settings(recipe), "--init", str(run / WEIGHTS), "--out", str(tmp_path / "seg")) == 0
    header = lines(tmp_path / "seg")[0]
    assert all(left["name"].startswith("head.") for left in header["init"]["fresh"])


def test_a_teachers_vectors_are_learned_beside_the_classes_and_not_needed_to_answer(folders, tmp_path):
    shutil.copytree(folders, tmp_path / "taught")
    (tmp_path / "taught/features").mkdir()
    seen = np.repeat(np.eye(2, 5), 12, axis=0).astype(np.float16)  # one vector for level, another for upright
    save_file({"features": seen}, tmp_path / "taught/features/train.safetensors")
    given = ("--data", str(tmp_path / "taught"), "--out", str(tmp_path / "run"))
    assert command(*SETTINGS, *given) == 0
    losses = [line["loss"] for line in lines(tmp_path / "run") if "loss" in line]
    assert losses[0] > 2.5  # of two classes ln 2, of a strange vector 4
    assert losses[-1] < losses[0] - 1
    spec, tensors = read_weights(tmp_path / "run" / WEIGHTS)
    assert (spec.head, tensors["head.features.weight"].shape[0]) == ({"features": 5}, 5)
    answer = streamdeq.load(tmp_path / "run" / WEIGHTS, "cpu", "fp32").solve(picture("level", np.random.default_rng(1)))
    assert len(answer.scores) == 2


def test_a_batch_is_a_pure_function_of_seed_and_step(folders):
    recipe = replace(TINY, task="classification", crop_hw=(32, 32))
    dataset = open_dataset(str(folders), "train")
    first, second = (objective(recipe, dataset) for _ in range(2))
    a, b, other = first.batch(3), second.batch(3), first.batch(4)
    assert torch.equal(a.images, b.images)
    assert torch.equal(a.targets, b.targets)
    assert not torch.equal(a.images, other.images)
    assert (a.targets.dtype, a.targets.shape) == (torch.int64, (2,))


def test_data_of_another_task_and_weights_nobody_knows_are_refused(folders, tmp_path, capsys):
    assert command(*settings(), "task=classification", "--out", str(tmp_path / "run")) == 2
    assert "expected data for classification, got synthetic, which is for segmentation" in capsys.readouterr().err
    recipe = replace(TINY, task="classification", class_weights="inverse-log-frequency")
    with pytest.raises(StreamdeqError, match="class_weights must be none for classification"):
        objective(recipe, data("train"))
