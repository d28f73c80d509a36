"""Every recipe of the paper, made small on the command line alone, trains, resumes, is scored and runs on its data.

The data lie as they are published; what is in them is random.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support.box_trees import SOFA, write_vid
from support.dataset_trees import write_cityscapes, write_cityscapes_labels, write_class_folders
from support.keypoint_trees import mpii_person, write_mpii, write_mpii_film, write_mpii_keyframes, write_mpii_truth
from support.small_runs import command, lines, tensors

from streamdeq.cli.main import COMMANDS, build, guarded
from streamdeq.codec import override
from streamdeq.data.open import open_dataset
from streamdeq.training import session
from streamdeq.training.loop import run_training
from streamdeq.training.recipes import RECIPES
from streamdeq.training.run import BEST, WEIGHTS, RunSettings
from streamdeq.training.trainer import Trainer

#: One of them in the usual run of the tests, the others with the slow ones.
USUAL = "imagenet-vid-xl-sur"
NAMES = [
    *(f"{data}-xl-{way}" for data in ("cityscapes", "imagenet-vid", "mpii") for way in ("il", "ur", "sur")),
    *("imagenet-small", "imagenet-large", "imagenet-xl", "imagenet-small-reg", "cityscapes-small", "cityscapes-large"),
]
SMALL = ("architecture.channels=8,8,8,8", "architecture.expansion=1", "batch=2", "steps=2", "statistics=1", "init=none")
OF_TASK = {
    "segmentation": ("crop_hw=32,64", "size=32"),
    "classification": ("crop_hw=32,32", "size=32"),
    "detection": ("size=32", "longest=64", "head.channels=8", "head.hidden=16"),
    "pose": ("crop_hw=64,64", "size=64", "head.width=8"),
}


def cityscapes(root: Path) -> Path:
    write_cityscapes(root, "leftImg8bit_sequence", frames=(-2, -1, 0))
    return write_cityscapes_labels(root)


def imagenet_vid(root: Path) -> Path:
    tree = write_vid(root / "ILSVRC")
    (tree / "ImageSets").mkdir()
    film = "train/ILSVRC2015_VID_train_0000/ILSVRC2015_train_00000000"
    (tree / "ImageSets/VID_train_15frames.txt").write_text("".join(f"{film} 1 {t} 31\n" for t in range(1, 31, 2)))
    (tree / "ImageSets/DET_train_30classes.txt").write_text(f"train/ILSVRC2013_train/{SOFA}/n04256520_1 1\n")
    return root


def mpii(root: Path) -> Path:
    people = [mpii_person("a.jpg"), mpii_person("a.jpg", 20, 12), mpii_person("b.jpg")]
    write_mpii(root, people, "annot/train.json")
    write_mpii_truth(write_mpii(root, people), people, [[10.0, 10, 13, 14], [20, 20, 29, 32], [10, 10, 16, 18]])
    write_mpii_film(root, "a", [1, 2, 3])
    write_mpii_keyframes(root, ["a/00000004.jpg"])
    return root


def imagenet(root: Path) -> Path:
    return write_class_folders(root, {"train": {"n01": 2, "n02": 2}, "val": {"n01": 1, "n02": 1}})


TREES: dict[str, Callable[[Path], Path]] = {
    "cityscapes": cityscapes,
    "imagenet-vid": imagenet_vid,
    "mpii": mpii,
    "imagenet": imagenet,
}


def settings(name: str) -> list[str]:
    recipe = RECIPES[name]
    chosen = [*SMALL, *OF_TASK[recipe.task], "unroll=1..2" if hasattr(recipe.unroll, "low") else "unroll=2"]
    chosen += ["implicit.backward=2"] if recipe.implicit else []
    # Eight channels and pictures of noise do not stand the rate that ImageNet's networks begin with.
    chosen += ["optimizer.lr=1e-3"] if recipe.task == "classification" else []
    return [*chosen, "pretrain.steps=1"] if recipe.pretrain.steps else chosen


@pytest.mark.parametrize(
    "name", [name if name == USUAL else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
)
def test_it_trains_resumes_is_scored_and_runs(name, tmp_path):
    data = next(data for data in ("cityscapes", "imagenet-vid", "mpii", "imagenet") if name.startswith(data))
    root = str(TREES[data](tmp_path / "data"))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert command(name, *settings(name), "--data", root, "--out", str(whole), "--eval-split", "val") == 0
    assert [line["step"] for line in lines(whole) if "loss" in line] == [1, 2]
    assert not any(line.get("skipped") for line in lines(whole))
    assert (whole / BEST).exists()

    run = RunSettings(broken, root, torch.device("cpu"), stop=lambda: True)
    trainer = Trainer.build(
        override(RECIPES[name], settings(name)), open_dataset(root, "train", RECIPES[name].task), run
    )
    log = session.start(trainer)
    assert not run_training(trainer, log)
    log.close()
    assert command("--resume", str(broken)) == 0
    expected = tensors(whole)
    assert all(torch.equal(tensor, expected[key]) for key, tensor in tensors(broken).items())

    app, out = build(COMMANDS), tmp_path / "table.json"
    scored = ["eval", str(whole / WEIGHTS), "--data", root, "--iterations", "1", "--offsets", "0,1", "--quiet"]
    assert guarded(app, [*scored, "--out", str(out)]) == 0
    rows = json.loads(out.read_text())["rows"]
    assert {"single"} <= {row["mode"] for row in rows} <= {"single", "streaming"}
    picture = next(path for path in Path(root).rglob("*") if path.suffix in {".png", ".jpg", ".JPEG"})
    shown = ["run", str(picture), "--model", str(whole / WEIGHTS), "--save", str(tmp_path / "shown"), "--quiet"]
    assert guarded(app, [*shown, "--write", "jsonl", "--iterations", "1"]) == 0
    [told] = (tmp_path / "shown").glob("*.jsonl")
    assert len(told.read_text().splitlines()) == 1
