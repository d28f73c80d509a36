"""Poses are learnt from stills and scored as streams, by the commands a user types."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.pose_parts import TINY
from support.pose_trees import NAMES, square_table

from streamdeq.api import load
from streamdeq.codec import from_plain, to_plain
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.run import evaluate
from streamdeq.evaluation.protocol.score import Condition, Mode
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.tasks.pose.objective import objective
from streamdeq.training import session
from streamdeq.training.loop import run_training
from streamdeq.training.optimizers import learning_rate
from streamdeq.training.recipe import Augment, Recipe
from streamdeq.training.recipes import RECIPES
from streamdeq.training.run import WEIGHTS, RunSettings
from streamdeq.training.trainer import Trainer


def test_a_model_learns_where_the_corners_are_and_streams(tmp_path):
    folder = str(square_table(tmp_path / "set"))
    run = RunSettings(tmp_path / "run", folder, torch.device("cpu"))
    trainer = Trainer.build(TINY, open_dataset(folder, "train"), run)
    log = session.start(trainer)
    assert run_training(trainer, log)
    log.close()
    model = load(tmp_path / "run" / WEIGHTS)
    assert model.spec.classes == NAMES
    assert model.spec.head["skeleton"] == [[0, 1]]
    found = evaluate(model, open_dataset(folder, "val"), Settings((2,), (0, 3), population="common"))
    scores = {cell: score.total.compute() for cell, score in found.scores.items()}
    assert len(found.plan.samples) == 3  # of the film, frames 3, 4 and 5
    assert scores[Condition(Mode.STREAMING, 2, 3)]["PCK@0.2"] > 90
    assert scores[Condition(Mode.STREAMING, 2, 0)] == scores[Condition(Mode.SINGLE, 2)]


def test_a_batch_is_a_function_of_seed_and_step(tmp_path):
    dataset = open_dataset(str(square_table(tmp_path / "set")), "train")
    one, again = (objective(TINY, dataset).batch(3) for _ in range(2))
    assert torch.equal(one.images, again.images)
    assert torch.equal(one.targets.points, again.targets.points)
    assert one.images.shape == (4, 3, 32, 32)
    assert not torch.equal(one.images, objective(TINY, dataset).batch(4).images)


def test_frames_that_show_nobody_are_trained_on_without_weight():
    dataset = open_dataset("synthetic:labels=keypoints,clips=6,frames=1,size=192x256", "train")
    batch = objective(replace(TINY, batch=6), dataset).batch(0)
    empty = [not len(clip.target(0)) for clip in dataset.clips]
    assert any(empty)
    assert not all(empty)
    assert (batch.targets.weights.sum(dim=1) == 0).sum() >= 1
    assert torch.isfinite(batch.targets.points).all()


def test_walkers_have_their_joints_where_the_street_has_drawn_them():
    dataset = open_dataset("synthetic:labels=keypoints,clips=4,frames=2,size=192x256", "val")
    assert ("left ankle" in dataset.classes, len(dataset.mirrored)) == (True, 6)
    for a, b in dataset.mirrored:
        assert dataset.classes[a].replace("left", "right") == dataset.classes[b]
    people = [clip.target(t)[[n]] for clip in dataset.clips for t in (0, 1) for n in range(len(clip.target(t)))]
    assert people
    for one in people:
        shown = one.xy[0][one.visible[0]]
        assert (shown >= one.boxes_xyxy[0, :2] - 2).all()
        assert (shown <= one.boxes_xyxy[0, 2:] + 2).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop_hw": (32, 64)}, r"crop_hw must be size x size for poses \(32\); got 32x64"),
        ({"class_weights": "cityscapes"}, "class_weights must be none for poses"),
        ({"augment": Augment(area_range=(0.5, 1.0))}, r"augment\.area_range must be none for poses"),
    ],
)
def test_what_poses_have_no_use_for_is_refused(tmp_path, changes, message):
    dataset = open_dataset(str(square_table(tmp_path / "set")), "train")
    with pytest.raises(StreamdeqError, match=message):
        objective(replace(TINY, **changes), dataset)


def test_a_mirror_is_refused_where_a_side_has_no_partner(tmp_path):
    folder = square_table(tmp_path / "set")
    (folder / "keypoints.json").write_text(json.dumps({"keypoints": NAMES, "flip_pairs": []}))
    dataset = open_dataset(str(folder), "train")
    with pytest.raises(StreamdeqError, match=r"the other side of 'left_top' among .* of set, .* augment\.flip=0"):
        objective(TINY, dataset)
    assert objective(replace(TINY, augment=Augment(flip=0.0)), dataset).batch(0).images.shape == (4, 3, 32, 32)


def test_rotation_is_refused_by_tasks_that_do_not_turn():
    with pytest.raises(StreamdeqError, match=r"augment\.rotation must be 0 but for poses"):
        Augment(rotation=10).transform((32, 32), 32)


def test_recipes_of_poses_are_plain_values_and_back():
    for name in ("bee-s", "bee-s-ur", "bee-s-il", "human-s", "walkers-s", "mpii-xl-il", "mpii-xl-ur", "mpii-xl-sur"):
        assert from_plain(Recipe, to_plain(RECIPES[name])) == RECIPES[name]
    published = RECIPES["mpii-xl-il"]
    assert (published.size, published.batch, published.unroll.n, published.implicit.backward) == (256, 256, 26, 26)
    rates = [learning_rate(published, epoch * 86) / 1e-4 for epoch in (0, 6, 169, 170, 199, 200, 209)]
    assert np.allclose(rates, [0.001, 1, 1, 0.1, 0.1, 0.01, 0.01])
