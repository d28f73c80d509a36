"""Published key point data sets, from their own files to a model's figures, by the commands a user types."""

import json
from dataclasses import replace
from pathlib import Path

import torch
from support.keypoint_trees import (
    coco_people,
    mpii_person,
    write_coco_people,
    write_mpii,
    write_mpii_film,
    write_mpii_keyframes,
    write_mpii_truth,
)
from support.pose_parts import TINY

from streamdeq.cli.main import COMMANDS, build, guarded
from streamdeq.data.open import open_dataset
from streamdeq.training import session
from streamdeq.training.loop import run_training
from streamdeq.training.recipe import Augment, Uniform
from streamdeq.training.run import WEIGHTS, RunSettings
from streamdeq.training.schedules import Cosine
from streamdeq.training.trainer import Trainer

#: Two steps are enough: what is tested is that every reader's data goes all the way.
TWO_STEPS = replace(
    TINY,
    batch=2,
    steps=2,
    unroll=Uniform(1, 2),
    grad_last=1,
    schedule=Cosine(warmup=1),
    augment=Augment(rotation=10.0, flip=0.5, half_body=0.5),
    statistics=1,
)


def trained(folder: Path, data: Path) -> Path:
    run = RunSettings(folder, str(data), torch.device("cpu"))
    trainer = Trainer.build(TWO_STEPS, open_dataset(str(data), "train", "pose"), run)
    log = session.start(trainer)
    assert run_training(trainer, log)
    log.close()
    return folder / WEIGHTS


def test_mpii_is_trained_on_and_scored_by_pckh_after_the_frames_before(tmp_path: Path):
    people = [mpii_person("a.jpg"), mpii_person("a.jpg", 20, 12), mpii_person("b.jpg")]
    data = write_mpii(write_mpii(tmp_path / "mpii", people), people, "annot/train.json")
    write_mpii_truth(data, people, [[10, 10, 16, 18]] * 3)
    write_mpii_film(data, "a", [1, 2, 3, 4])
    write_mpii_keyframes(data, ["a/00000004.jpg"])
    model, out = trained(tmp_path / "run", data), tmp_path / "eval.json"
    words = ["eval", str(model), "--data", str(data), "--split", "val", "--iterations", "1", "--offsets", "0,3", "-q"]
    assert guarded(build(COMMANDS), [*words, "--out", str(out)]) == 0
    rows = json.loads(out.read_text())["rows"]
    assert {row["metric"] for row in rows} == {"PCKh@0.5"}
    streamed = [(row["offset"], row["frames"]) for row in rows if row["mode"] == "streaming"]
    assert streamed == [(0, 3), (3, 3)]  # all people: where no film is, after the frames there are, none


def test_a_pose_model_is_scored_on_the_key_points_of_a_folder_that_has_boxes_too(tmp_path: Path, capsys):
    data = tmp_path / "coco"
    for split in ("train", "val"):
        write_coco_people(data, split=split)
        (data / f"annotations/instances_{split}2017.json").write_text(json.dumps(coco_people()))
    model = trained(tmp_path / "run", data)
    words = ["eval", str(model), "--data", str(data), "--split", "val", "--iterations", "1", "-q"]
    assert guarded(build(COMMANDS), words) == 0
    assert "PCK@0.1" in capsys.readouterr().out
