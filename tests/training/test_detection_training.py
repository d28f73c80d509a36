"""A detector is trained by the same loop, and run and scored by the same commands, as a segmenter."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.small_runs import TINY, command, data, lines

import streamdeq
from streamdeq.cli.main import COMMANDS, build, guarded
from streamdeq.codec import from_plain, to_plain
from streamdeq.data.augment.pictures import View
from streamdeq.data.base import Dataset
from streamdeq.data.cache import cached
from streamdeq.data.open import open_dataset
from streamdeq.data.readers.imagenet_vid import CLASSES
from streamdeq.errors import StreamdeqError
from streamdeq.models.checkpoint import read_weights
from streamdeq.models.spec import ModelSpec
from streamdeq.solvers import make_solver
from streamdeq.tasks import build_network
from streamdeq.tasks.detection import Detections, DetectorSettings
from streamdeq.tasks.detection.objective import cut, objective
from streamdeq.tasks.objective import views
from streamdeq.training.optimizers import learning_rate
from streamdeq.training.recipe import IL, Augment, Fixed, Pretrain, Recipe, Streaming
from streamdeq.training.recipes import RECIPES
from streamdeq.training.run import WEIGHTS, RunSettings
from streamdeq.training.setup import spec_of
from streamdeq.training.trainer import Trainer
from streamdeq.values.boxes import Boxes
from streamdeq.values.frame import Frame

STREET = "synthetic:clips=2,frames=6,size=64x96,labels=boxes"
HEAD = DetectorSettings(
    channels=16, hidden=32, anchor_scales=(2.0, 4.0), anchor_ratios=(0.75, 2.75), finest=16.0, candidates=60,
    train_candidates=100, proposals=30, train_proposals=50, anchor_samples=64, region_samples=32,
)  # fmt: skip
RECIPE = replace(
    TINY, name="boxes-tiny", task="detection", head=HEAD, size=64, crop_hw=(64, 96), steps=4, ema=0.5, statistics=2
)
SETTINGS = (
    *("synthetic-tiny", "task=detection", "size=64", "crop_hw=64,96", "batch=2", "steps=12", "statistics=2"),
    *("architecture.channels=8,8", "architecture.groups=4", "architecture.expansion=1", "unroll.high=3"),
    *("head.channels=16", "head.hidden=32", "head.anchor_scales=2,4", "head.train_candidates=100"),
    *("head.train_proposals=50", "head.region_samples=32", "head.candidates=60", "head.proposals=30"),
)


def trainer(recipe: Recipe) -> Trainer:
    dataset = cached(open_dataset(STREET, "train"), 1 << 26)
    return Trainer.build(recipe, dataset, RunSettings(Path("unused"), STREET, torch.device("cpu")))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "boxes"
    assert command(*SETTINGS, "--data", STREET, "--out", str(out), "--eval-split", "val") == 0
    return out


def test_the_command_trains_scores_and_remembers_the_head(run):
    losses = [line["loss"] for line in lines(run) if "loss" in line]
    assert len(losses) == 12
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    validation = [line for line in lines(run) if line.get("event") == "validation"][-1]
    assert set(validation["mAP@50"]) >= {"1", "4"}
    spec, tensors = read_weights(run / WEIGHTS)
    assert (spec.task, spec.classes, spec.head["channels"]) == ("detection", ("car", "person"), 16)
    assert spec.head["anchor_scales"] == [2.0, 4.0]
    assert tensors["head.rpn.head.cls_logits.weight"].shape == (6, 16, 1, 1)


def test_the_weights_answer_through_the_facade_from_any_start(run):
    model = streamdeq.load(run / WEIGHTS, "cpu", "fp32")
    clip = open_dataset(STREET, "val").clips[0]
    with model.stream(iterations=2) as stream:
        answers = [stream(clip.image(t)) for t in range(3)]
    assert all(isinstance(answer, Detections) and answer.frame_hw == (64, 96) for answer in answers)
    assert isinstance(model.solve(clip.image(0), iterations=3), Detections)


def test_eval_scores_every_frame_and_shows_other_figures(run, tmp_path, capsys):
    arguments = ("--data", STREET, "--split", "val", "--iterations", "1", "--offsets", "0,5", "--continuous")
    arguments = (*arguments, "--resamples", "20", "--quiet")
    out = tmp_path / "table.json"
    assert guarded(build(COMMANDS), ["eval", str(run / WEIGHTS), *arguments, "--out", str(out)]) == 0
    assert "mAP@50 of" in capsys.readouterr().out
    rows = json.loads(out.read_text())["rows"]
    assert {row["frames"] for row in rows} == {12}  # at offset 5 too, of clips of 6 frames
    assert {row["mode"] for row in rows} == {"single", "streaming", "continuous"}
    assert {"mAP@50", "mAP@[.5:.95]"} <= set(rows[0]["figures"])
    arguments = (*arguments, "--figure", "mAP@[.5:.95]")
    assert guarded(build(COMMANDS), ["eval", str(run / WEIGHTS), *arguments]) == 0
    assert capsys.readouterr().out.startswith("mAP@[.5:.95] of")


def test_run_writes_what_was_chosen(run, tmp_path, capsys):
    clip = open_dataset(STREET, "val").clips[0]
    for t in range(4):
        (tmp_path / "frames").mkdir(exist_ok=True)
        Image.fromarray(clip.image(t)).save(tmp_path / f"frames/{t}.png")
    common = [
        "run",
        str(tmp_path / "frames"),
        "--model",
        str(run / WEIGHTS),
        "--quiet",
        "--save",
        str(tmp_path / "out"),
    ]
    chosen = ["--conf", "0.06", "--classes", "car", "--track", "--compare", "--write", "video,jsonl,mot"]
    assert guarded(build(COMMANDS), [*common, *chosen]) == 0
    records = [json.loads(line) for line in (tmp_path / "out/frames.jsonl").read_text().splitlines()]
    assert len(records) == 4
    objects = [one for record in records for one in record["objects"]]
    assert all(one["class"] == "car" and one["score"] >= 0.06 and "id" in one for one in objects)
    lines_of = (tmp_path / "out/frames.txt").read_text().splitlines()
    assert len(lines_of) == sum(one["id"] >= 0 for one in objects)
    capsys.readouterr()
    assert guarded(build(COMMANDS), [*common, "--overwrite", "--classes", "cart"]) == 2
    assert "--classes: unknown class 'cart'; did you mean 'car'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    [
        {"unroll": Fixed(3)},
        {"grad_last": None, "unroll": Fixed(3), "implicit": IL(backward=3), "pretrain": Pretrain(2, 2)},
        {"streaming": Streaming(warm=0.5, cut=0.25, noise=0.25, decay=0.5, distil=0.1, settle=2)},
    ],
    ids=["UR", "IL", "streaming"],
)
def test_every_way_of_training_takes_a_detector(change):
    running = trainer(replace(RECIPE, **change))
    before = {name: value.clone() for name, value in running.network.named_parameters()}
    for step in range(4):
        record = running.step(running.batch(step))
        assert not record.skipped
    for name, value in running.network.named_parameters():
        assert not torch.equal(value, before[name]) or value.ndim == 1


def test_a_batch_is_a_pure_function_of_seed_and_step():
    one, two = trainer(RECIPE), trainer(RECIPE)
    a, b, other = one.objective.batch(3), two.objective.batch(3), one.objective.batch(4)
    assert torch.equal(a.images, b.images)
    assert all(torch.equal(x.boxes, y.boxes) for x, y in zip(a.targets, b.targets, strict=True))
    assert not torch.equal(a.images, other.images)
    assert one.step(a).loss == two.step(b).loss


def test_a_view_cuts_scales_and_mirrors_boxes():
    view = View(slice(10, 30), slice(20, 60), (40, 80), mirrored=True)
    boxes = np.array([[30, 10, 40, 30]], np.float32)
    assert view.boxes(boxes).tolist() == [[40, 0, 60, 40]]
    assert View(slice(10, 30), slice(20, 60), (40, 80), mirrored=False).boxes(boxes).tolist() == [[20, 0, 40, 40]]


def test_what_a_crop_shows_too_little_of_is_not_to_be_found_in_it():
    view = View(slice(0, 20), slice(20, 60), (20, 40), mirrored=False)
    xyxy = [[10, 0, 30, 10], [14, 0, 24, 10], [12, 0, 22, 10], [30, 5, 30, 9], [25, 2, 35, 12], [0, 0, 9, 9]]
    ignore = np.array([False, False, False, False, True, False])
    target = cut(Boxes(np.array(xyxy, np.float32), np.arange(6), ignore), view)
    assert target.boxes.tolist() == [[0, 0, 10, 10], [0, 0, 4, 10]]  # a half, and four tenths
    assert (target.labels.tolist(), target.content_hw) == ([0, 1], (20, 40))
    nothing = cut(Boxes.none(), view)
    assert (tuple(nothing.boxes.shape), nothing.labels.dtype) == ((0, 4), torch.int64)


def test_boxes_of_the_picture_and_of_its_sample_frame_the_same_thing():
    """A bright thing on a dark ground is found again where its box went, whatever the augmentation drew."""
    image = np.zeros((60, 90, 3), np.uint8)
    image[20:44, 30:50] = 255
    augmented, unchanged = views(replace(RECIPE, augment=Augment((0.8, 1.6))), "detection")
    boxes, seen = Boxes(np.array([[30, 20, 50, 44]], np.float32), np.array([0])), 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        view = augmented.view((60, 90), rng)
        target = cut(boxes, view)
        pixels = unchanged.picture(image, view, rng)[0]
        pixels[:, view.size_hw[1] :] = 0
        pixels[view.size_hw[0] :] = 0
        for box in target.boxes:
            rows, columns = torch.where(pixels > 127)
            found = torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]).float()
            torch.testing.assert_close(found, box, atol=1.01, rtol=0)
            seen += 1
    assert seen >= 6


def test_recipes_that_make_no_sense_for_boxes_are_refused():
    for change, message in (
        ({"class_weights": "inverse-log-frequency"}, "class_weights must be none for detection"),
        ({"augment": Augment(area_range=(0.1, 1.0))}, r"augment\.area_range must be none for detection"),
    ):
        with pytest.raises(StreamdeqError, match=message):
            objective(replace(RECIPE, **change), data("train"))
    with pytest.raises(StreamdeqError, match="expected data for detection, got synthetic, which is for segmentation"):
        Trainer.build(RECIPE, data("train"), RunSettings(Path("unused"), "", torch.device("cpu")))


def test_the_recipes_of_people_differ_in_how_they_are_trained_alone():
    person = RECIPES["person-s"]
    for name in ("person-s-ur", "person-s-il"):
        other = RECIPES[name]
        assert (other.head, other.architecture, other.batch) == (person.head, person.architecture, person.batch)
        assert from_plain(Recipe, json.loads(json.dumps(to_plain(other)))) == other
    assert RECIPES["person-s-ur"].steps == RECIPES["person-s-il"].steps


def test_a_model_scales_long_pictures_as_it_was_trained_on_them():
    running = trainer(replace(RECIPE, longest=80))
    assert running.batch(0).targets[0].content_hw[1] <= 80 * 1.5  # scaled by up to 1.5
    assert (running.spec.longest, ModelSpec.from_json(running.spec.to_json()).longest) == (80, 80)
    model = streamdeq.Model(running.network, running.spec, "cpu", "fp32")
    solver = make_solver("picard", 1)
    for size, content in ((None, (53, 80)), (64, (64, 96))):  # who names a size means it
        engine = model.engine(solver, size)
        row = engine.open()
        engine.observe([row], [Frame(np.zeros((64, 96, 3), np.uint8), 0, 0.0)])
        assert row.geometry is not None
        assert row.geometry.content_hw == content
    with pytest.raises(StreamdeqError, match="recipe: longest must be at least the size; got 63"):
        replace(RECIPE, longest=63)


def test_the_published_detector_has_its_parts_and_its_rates():
    recipe = RECIPES["imagenet-vid-xl-il"]
    dataset = Dataset("imagenet-vid", "detection", "train", CLASSES, ((0, 0, 0),) * 30, (), "")
    with torch.device("meta"):
        head = build_network(spec_of(recipe, dataset)).head
    assert head.fpn.inner_blocks[3][0].weight.shape == (256, 704, 1, 1)
    assert head.roi_heads.box_predictor.cls_score.weight.shape == (31, 1024)
    epoch = recipe.steps // 7
    rates = [learning_rate(recipe, step) for step in (0, 500, 2 * epoch, 5 * epoch)]
    assert rates == pytest.approx([0.01 / 3, 0.01, 0.001, 0.0001])
