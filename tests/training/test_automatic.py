"""Without a recipe the data decide: task, weights to begin with, length, anchors, crop; and every choice is told."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.dataset_trees import write_own
from support.pose_trees import square_table
from support.small_runs import TINY, command, lines, settings, steps, tensors, train

import streamdeq
from streamdeq.cli.main import COMMANDS, build, guarded
from streamdeq.data.base import Dataset
from streamdeq.data.open import open_dataset
from streamdeq.models.checkpoint import read_weights
from streamdeq.tasks.detection.settings import DetectorSettings
from streamdeq.training.anchors import box_sizes, fitted_anchors
from streamdeq.training.automatic import choose
from streamdeq.training.recipes import RECIPES
from streamdeq.training.run import WEIGHTS


def street(labels: str, clips: int = 2) -> Dataset:
    return open_dataset(f"synthetic:clips={clips},frames=2,size=48x64,labels={labels}", "train")


# -- what is chosen ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "task", "start", "why"),
    [
        ("pixels", "segmentation", "camvid-s", "knows most of the classes, 8 of 8"),
        ("boxes", "detection", "driving-s", "knows most of the classes, 2 of 2"),
        ("keypoints", "pose", "human-s", "knows most of the classes, 14 of 14"),
        ("depth", "depth", "street-depth-s", "the packaged model for depth"),
    ],
)
def test_labels_decide_the_task_and_class_names_the_weights(labels, task, start, why):
    chosen = choose(street(labels))
    assert (chosen.recipe.task, chosen.recipe.init, chosen.recipe.name) == (task, start, "synthetic")
    assert chosen.because[0].startswith(f"task {task}, which is what is labelled: 4 pictures in 'train'")
    assert chosen.because[1].startswith(f"weights to begin with: {start}, ")
    assert why in chosen.because[1]


def test_weights_are_fine_tuned_slower_and_shorter_than_random_ones_are_trained():
    data = street("pixels")
    tuned, fresh = choose(data).recipe, choose(data, init="none").recipe
    usual = RECIPES["camvid-s"]
    assert 0 < tuned.optimizer.lr < fresh.optimizer.lr == usual.optimizer.lr
    assert 0 < tuned.freeze < tuned.steps < fresh.steps
    assert (fresh.freeze, fresh.init) == (0, None)
    assert 0 < tuned.schedule.warmup < tuned.freeze
    assert tuned.architecture == usual.architecture


def test_the_number_of_steps_follows_from_that_of_the_pictures_or_is_what_the_user_says():
    some, many = street("pixels"), street("pixels", clips=80)
    assert choose(some).recipe.steps == 300  # four pictures are not worth fewer
    assert choose(many).recipe.steps == 160 * 20 // 8
    assert choose(many, epochs=5).recipe.steps == 160 * 5 // 8
    mine = choose(many, change=lambda recipe: replace(recipe, steps=50, batch=2)).recipe
    assert (mine.steps, mine.freeze) == (50, 10)


def test_anchors_are_as_the_boxes_are():
    head = DetectorSettings(anchor_scales=(4.0, 5.66), anchor_ratios=(1.0, 2.0))
    tall, wide = np.tile([[10.0, 30.0]], (40, 1)), np.tile([[40.0, 20.0]], (20, 1))
    fitted = fitted_anchors(np.concatenate([tall, wide]), head)
    assert fitted is not None
    assert fitted.anchor_ratios == (0.5, 3.0)
    small = np.sqrt(10 * 30) / 4  # in cells of the finest level
    assert fitted.anchor_scales == pytest.approx((small, small * 5.66 / 4), abs=0.01)
    assert fitted_anchors(tall[:5], head) is None
    data = street("boxes", clips=6)
    chosen = choose(data)
    assert isinstance(chosen.recipe.head, DetectorSettings)
    sizes = box_sizes(data, chosen.recipe.size)
    assert chosen.recipe.head == fitted_anchors(sizes, RECIPES["driving-s"].head)
    target = data.clips[0].target(0)
    first = target[target.visible & ~target.ignore].xyxy[0]
    assert sizes[0] == pytest.approx((first[2:] - first[:2]) * chosen.recipe.size / 48)
    assert any(line.startswith("anchors as the boxes are") for line in chosen.because)


def test_upright_pictures_get_upright_crops_and_points_without_partners_no_mirror(tmp_path):
    root = write_own(tmp_path / "upright", ["a", "b"])
    for name in ("a", "b"):
        for path in (root / f"images/{name}.jpg", root / f"labels/{name}.png"):
            Image.open(path).resize((24, 40), Image.Resampling.NEAREST).save(path)
    chosen = choose(open_dataset(str(root), "train"))
    assert chosen.recipe.crop_hw == (256, 192)
    table = open_dataset(str(square_table(tmp_path / "squares")), "train")
    one = choose(replace(table, classes=("left_ear", *table.classes[1:]), mirrored=()))
    assert one.recipe.augment.flip == 0
    assert "no mirrored samples: 'left_ear' has no partner on the other side" in one.because


# -- the whole way -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a tiny model of the street."""
    folder = tmp_path_factory.mktemp("start")
    train(folder, replace(TINY, steps=2))
    return folder / WEIGHTS


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's own folder without a validation split: ten pictures of the street, three classes."""
    root = tmp_path_factory.mktemp("data") / "my street"
    data = street("pixels", clips=5)
    for k, (clip, t) in enumerate(data.samples):
        for folder in ("images", "labels"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(clip.image(t)).save(root / f"images/{k:02d}.png")
        label = clip.target(t)
        roads = {data.classes.index("sky"): 0, data.classes.index("road"): 1}
        own = np.vectorize(lambda value, known=roads: known.get(value, 2))(label).astype(np.uint8)
        Image.fromarray(own).save(root / f"labels/{k:02d}.png")
    (root / "classes.txt").write_text("Sky\nroads\nrest\n")
    return root


ARGUMENTS = ("steps=4", "batch=2", "statistics=2", "--eval-every", "2")


@pytest.fixture(scope="module")
def run(mine: Path, start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "mine"
    assert command("--data", str(mine), "--init", str(start), "--out", str(out), *ARGUMENTS) == 0
    return out


def test_a_run_says_what_it_chose_and_how_it_goes(mine, start, tmp_path, capsys):
    arguments = [
        "--data",
        str(mine),
        "--init",
        str(start),
        "--out",
        str(tmp_path / "run"),
        *ARGUMENTS,
        "--threads",
        "1",
    ]
    assert guarded(build(COMMANDS), ["train", *arguments]) == 0
    said = capsys.readouterr().err
    for text in (
        "train: task segmentation, which is what is labelled: 8 pictures in 'train-fit', 3 classes",
        f"train: weights to begin with: {start}, as you asked for",
        "train: recipe: that of synthetic-tiny, fine-tuned: 4 steps of 2 pictures (1.0 epochs), rate 0.0025, "
        "the backbone frozen for the first 1",
        "train: validation on 'train-holdout', 2 pictures, held out because the data have no split to validate on",
        f"train: 2 of 3 classes known by name from {start}: Sky (there sky), roads (there road); new: rest",
        "train: step 2, epoch 0.5: mIoU on train-holdout ",
        "pictures/s",
    ):
        assert text in said


def test_the_folder_holds_results_curves_and_pictures(run):
    with (run / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4"]
    losses = [line["loss"] for line in steps(run)]
    assert float(rows[1]["loss"]) == pytest.approx(np.mean(losses[2:]))
    assert float(rows[1]["epoch"]) == 1.0
    validations = [line for line in lines(run) if line.get("event") == "validation"]
    assert float(rows[1]["mIoU single 4"]) == validations[1]["mIoU"]["4"]
    with (run / "confusion.csv").open() as file:
        table = list(csv.reader(file))
    assert table[0] == ["labelled \\ answered", "Sky", "roads", "rest"]
    counted = sum(int(value) for row in table[1:] for value in row[1:])
    assert counted == 2 * 48 * 64  # every pixel of the two held out
    with (run / "precision-recall.csv").open() as file:
        assert [row["class"] for row in csv.DictReader(file)] == ["Sky", "roads", "rest"]
    for name in ("loss.png", "score.png", "confusion.png", "validation.jpg"):
        with Image.open(run / name) as picture:
            assert min(picture.size) > 100


def test_the_run_is_called_as_its_data_and_keeps_what_it_came_from(run, start):
    spec, _ = read_weights(run / WEIGHTS)
    assert spec.name == "my-street"
    assert spec.provenance.data == "my street train-fit"
    [ancestor] = spec.provenance.ancestors
    assert (ancestor.name, ancestor.data) == ("synthetic-tiny", "synthetic train")


def test_a_folder_is_the_model_that_it_holds(run, mine, tmp_path, capsys):
    model = streamdeq.load(run)
    assert model.origin == run / "best.safetensors"
    evaluate = [
        "eval",
        str(run),
        "--data",
        str(mine),
        "--split",
        "train-holdout",
        "--iterations",
        "1",
        "--offsets",
        "0",
    ]
    assert guarded(build(COMMANDS), [*evaluate, "--resamples", "20", "--quiet"]) == 0
    assert "mIoU" in capsys.readouterr().out
    out = tmp_path / "out"
    shown = ["run", str(mine / "images"), "--model", str(run), "--save", str(out), "--write", "jsonl", "--quiet"]
    assert guarded(build(COMMANDS), shown) == 0
    records = [json.loads(line) for line in next(out.glob("*.jsonl")).read_text().splitlines()]
    assert {name for record in records for name in record["shares"]} <= {"Sky", "roads", "rest"}


def test_a_stopped_run_goes_on_to_the_same_bits_and_scores_with_the_folder_alone(run, mine, start, tmp_path):
    out = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        from streamdeq.training import loop

        stops = iter([False, False, True])
        original = loop._steps
        patch.setattr(loop, "_steps", lambda trainer, log: original(_stopping(trainer, stops), log))
        assert command("--data", str(mine), "--init", str(start), "--out", str(out), *ARGUMENTS) != 0
    assert not (out / WEIGHTS).exists()
    assert command("--resume", str(out)) == 0
    assert steps(out) == steps(run)
    scores = [[one for one in lines(folder) if one.get("event") == "validation"] for folder in (out, run)]
    assert scores[0] == scores[1]
    expected = tensors(run)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in tensors(out).items())


def test_refused_data_leave_no_folder(mine, start, tmp_path, capsys):
    root = write_own(tmp_path / "broken", [f"{n}" for n in range(10)])
    (root / "labels/3.png").write_bytes(b"no picture")
    out = tmp_path / "run"
    assert command("--data", str(root), "--init", str(start), "--out", str(out), *ARGUMENTS) == 2
    assert "3.png" in capsys.readouterr().err
    assert not out.exists()
    arguments = ("--data", str(mine), "--init", str(start), "--out", str(out), *ARGUMENTS)
    assert command(*arguments, "class_weights=cityscapes") == 2  # found out when the run is made
    assert "is for its 19 classes" in capsys.readouterr().err
    assert not out.exists()
    assert command() == 2
    assert "expected --data DIR, to choose by the data what to train, a recipe" in capsys.readouterr().err


def test_a_second_run_has_a_folder_of_its_own(mine, start, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for folder in ("my-street", "my-street-2"):
        arguments = ("--data", str(mine), "--init", str(start), "steps=1", "batch=2", "--eval-split", "none")
        assert command(*arguments) == 0
        assert capsys.readouterr().out.strip() == f"runs/{folder}/{WEIGHTS}"


def test_what_is_not_divided_at_all_is_divided_here(start, tmp_path, capsys):
    root = square_table(tmp_path / "squares", splits=("all",))
    arguments = ["--data", str(root), "--init", str(start), "steps=1", "batch=2", "size=32", "crop_hw=32,32"]
    assert guarded(build(COMMANDS), ["train", *arguments, "--out", str(tmp_path / "run"), "--threads", "1"]) == 0
    said = capsys.readouterr().err
    assert "validation on 'all-holdout', 1 pictures" in said
    assert "task pose, which is what is labelled: 6 pictures in 'all-fit', 3 points" in said
    with Image.open(tmp_path / "run/validation.jpg") as picture:
        assert min(picture.size) > 100


def test_without_matplotlib_the_tables_are_there_and_a_line_says_why_no_more(
    mine, start, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    out, arguments = tmp_path / "run", ["--data", str(mine), "--init", str(start), *ARGUMENTS, "--threads", "1"]
    assert guarded(build(COMMANDS), ["train", *arguments, "--out", str(out)]) == 0
    assert "no curves, the tables alone: charts are drawn with matplotlib" in capsys.readouterr().err
    assert (out / "results.csv").exists()
    assert (out / "confusion.csv").exists()
    assert not list(out.glob("*.png"))


def test_a_named_recipe_is_followed_to_the_letter(tmp_path, start):
    assert command(*settings(replace(TINY, steps=2)), "--init", str(start), "--out", str(tmp_path / "run")) == 0
    told = lines(tmp_path / "run")[0]["recipe"]
    assert (told["name"], told["freeze"], told["steps"]) == ("synthetic-tiny", 0, 2)
    assert told["optimizer"]["lr"] == TINY.optimizer.lr


def _stopping(trainer, stops):
    trainer.run = replace(trainer.run, stop=lambda: next(stops))
    return trainer
