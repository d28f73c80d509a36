"""What `run --write` leaves for other programs: COCO's JSON, YOLO's text, tables, drawn frames, one id everywhere."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from faster_coco_eval import COCO
from faster_coco_eval.core import mask as coco_mask
from PIL import Image
from support.pose_parts import SPEC as POSE
from support.pose_parts import detector, pose_network
from support.small_models import frames, tiny_model

import streamdeq
from streamdeq.errors import StreamdeqError
from streamdeq.running.options import RunOptions
from streamdeq.running.run import Run
from streamdeq.streaming.options import StreamOptions
from streamdeq.tasks.detection.draw import captions
from streamdeq.values.choice import Choice
from streamdeq.values.look import Look

STILL = [frames(1)[0].image] * 4


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def ran(model, pictures, folder: Path, *write: str, choice: Choice | None = None, **options):
    """The answers, and the paths by kind."""
    chosen = RunOptions(
        stream=StreamOptions(1),
        save=folder,
        write=write,
        choice=choice or Choice(),
        **options,  # type: ignore[arg-type]
    )
    work = Run(model, pictures, chosen, name="film")
    with work.results() as results:
        return list(results), work.paths


def test_an_object_has_one_id_in_json_in_every_file_and_on_the_picture(tmp_path: Path) -> None:
    found, paths = ran(
        detector(), STILL, tmp_path, "jsonl", "mot", "coco", "yolo", "csv", choice=Choice(conf=0.0, track=True)
    )
    for n, result in enumerate(found):
        own = [int(one) for one in result.ids if one >= 0]
        assert (n == 0) or own
        record = json.loads(paths["jsonl"].read_text().splitlines()[n])
        assert [one["id"] for one in record["objects"] if one["id"] >= 0] == own
        mot = [line.split(",") for line in paths["mot"].read_text().splitlines()]
        assert [int(line[1]) for line in mot if int(line[0]) == n + 1] == own
        drawn = [text.split()[0] for text in captions(result) if text.startswith("#")]
        assert drawn == [f"#{one}" for one in own]
        labels = (paths["yolo"] / f"{n:06d}.txt").read_text().splitlines()
        assert [int(line.split()[6]) for line in labels if len(line.split()) == 7] == own
        coco = json.loads(paths["coco"].read_text())["annotations"]
        assert [one["track_id"] for one in coco if one["image_id"] == n and "track_id" in one] == own
        table = [row for row in csv.DictReader(paths["csv"].read_text().splitlines()) if int(row["frame"]) == n]
        assert [int(row["id"]) for row in table if row["id"]] == own
    assert min(own) == 1


def test_boxes_as_coco_are_a_data_set_that_its_own_tools_read(tmp_path: Path) -> None:
    found, paths = ran(detector(), [frame.image for frame in frames(3)], tmp_path, "coco", choice=Choice(conf=0.0))
    labels = COCO(str(paths["coco"]), print_function=lambda *words: None)
    assert [one["name"] for one in labels.loadCats(labels.getCatIds())] == ["cat", "dog"]
    assert [(one["width"], one["height"]) for one in labels.loadImgs(labels.getImgIds())] == [(48, 32)] * 3
    for n, result in enumerate(found):
        told = labels.loadAnns(labels.getAnnIds([n]))
        boxes = np.array([one["bbox"] for one in told]).reshape(-1, 4)
        np.testing.assert_allclose(boxes[:, :2] + boxes[:, 2:], result.boxes_xyxy[:, 2:], rtol=1e-5)
        assert [one["category_id"] - 1 for one in told] == result.labels.tolist()
        assert [one["area"] for one in told] == pytest.approx([box[2] * box[3] for box in boxes.tolist()])


def test_label_maps_as_coco_are_masks_and_as_yolo_outlines(tmp_path: Path) -> None:
    model = tiny_model()
    found, paths = ran(model, [frame.image for frame in frames(2)], tmp_path, "coco", "yolo", "csv")
    told = json.loads(paths["coco"].read_text())
    for n, result in enumerate(found):
        for one in (one for one in told["annotations"] if one["image_id"] == n):
            mask = coco_mask.decode({**one["segmentation"], "counts": one["segmentation"]["counts"].encode()})
            np.testing.assert_array_equal(mask.astype(bool), result.labels == one["category_id"] - 1)
            assert one["area"] == mask.sum()
        assert (paths["yolo"] / f"{n:06d}.txt").read_text().splitlines() == result.to_yolo()
    assert (paths["yolo"] / "classes.txt").read_text().split() == ["sky", "road", "car"]
    heading, *rows = paths["csv"].read_text().splitlines()
    assert heading == "frame,time_s,class,pixels,share"
    assert rows[0].startswith("0,0.000000,")
    assert rows[-1].startswith("1,0.040000,")


def photos(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(STILL[0]).save(folder / name)
    return folder


def test_answers_are_called_as_the_pictures_are(tmp_path: Path) -> None:
    folder = photos(tmp_path / "album", "beach, east.png", "dog.jpg", "dog.png", "classes.jpg")
    _, paths = ran(tiny_model(), folder, tmp_path / "out", "jsonl", "csv", "coco", "yolo", "png")
    files = ["beach, east.png", "classes.jpg", "dog.jpg", "dog.png"]
    assert [json.loads(line)["file"] for line in paths["jsonl"].read_text().splitlines()] == files
    assert [one["file_name"] for one in json.loads(paths["coco"].read_text())["images"]] == files
    table = list(csv.DictReader(paths["csv"].read_text().splitlines()))
    assert list(table[0]) == ["frame", "time_s", "file", "class", "pixels", "share"]
    assert {(row["frame"], row["file"]) for row in table} == {(str(n), file) for n, file in enumerate(files)}
    assert {one.name for one in paths["yolo"].iterdir()} == {
        *("beach, east.txt", "classes.jpg.txt", "dog.txt", "dog.png.txt"),
        "classes.txt",
    }
    assert (paths["yolo"] / "classes.txt").read_text().split() == ["sky", "road", "car"]
    assert {one.name for one in paths["png"].iterdir()} == {"beach, east.png", "classes.png", "dog.png", "dog.png.png"}


def test_answers_of_pictures_in_several_folders_lie_in_as_many_and_are_replaced_there(tmp_path: Path) -> None:
    photos(tmp_path / "a", "1.png", "more/1.png")
    for _ in range(2):
        _, paths = ran(tiny_model(), f"{tmp_path}/a/**/*.png", tmp_path / "out", "yolo", "coco", overwrite=True)
        assert [one["file_name"] for one in json.loads(paths["coco"].read_text())["images"]] == ["1.png", "more/1.png"]
        found = {one.relative_to(paths["yolo"]).as_posix() for one in paths["yolo"].rglob("*.txt")}
        assert found == {"1.txt", "more/1.txt", "classes.txt"}
    photos(tmp_path / "a", "2.png").joinpath("more/1.png").unlink()
    _, paths = ran(tiny_model(), f"{tmp_path}/a/**/*.png", tmp_path / "out", "yolo", overwrite=True)
    found = {one.relative_to(paths["yolo"]).as_posix() for one in paths["yolo"].rglob("*.txt")}
    assert found == {"1.txt", "2.txt", "classes.txt"}
    with pytest.raises(StreamdeqError, match=r"1\.txt is there already"):
        ran(tiny_model(), f"{tmp_path}/a/*.png", tmp_path / "out", "yolo")


def test_key_points_as_coco_say_which_are_seen(tmp_path: Path) -> None:
    model = streamdeq.Model(pose_network(), POSE, "cpu", "fp32")
    found, paths = ran(model, [frame.image for frame in frames(2)], tmp_path, "coco", "png", boxes="frame")
    told = json.loads(paths["coco"].read_text())
    assert told["categories"][0]["keypoints"] == list(POSE.classes)
    for one, result in zip(told["annotations"], found, strict=True):
        points = np.reshape(one["keypoints"], (-1, 3))
        seen = result.scores[0] >= 0.2
        np.testing.assert_array_equal(points[:, 2], np.where(seen, 2, 0))
        np.testing.assert_allclose(points[seen, :2], result.keypoints_xy[0][seen], rtol=1e-5)
        assert one["num_keypoints"] == seen.sum()
        assert one["keypoint_scores"] == pytest.approx(result.scores[0].tolist(), rel=1e-5)
    assert sorted(path.name for path in paths["png"].iterdir()) == ["000000.png", "000001.png"]


def test_boxes_as_png_are_the_frames_as_they_are_drawn(tmp_path: Path) -> None:
    model = detector()
    found, paths = ran(model, STILL[:2], tmp_path, "png", choice=Choice(conf=0.0))
    assert paths["png"].name == "film-frames"
    for path, result in zip(sorted(paths["png"].iterdir()), found, strict=True):
        with Image.open(path) as picture:
            np.testing.assert_array_equal(np.asarray(picture), model.draw(STILL[0], result))


def test_a_second_run_replaces_what_the_first_wrote_when_told_to_and_nothing_else(tmp_path: Path) -> None:
    kinds = ("video", "jsonl", "png", "mot", "coco", "yolo", "csv")
    model, few = detector(), Choice(conf=0.0)
    ran(model, STILL, tmp_path, *kinds, choice=few)
    with pytest.raises(StreamdeqError, match="is there already"):
        ran(model, STILL[:2], tmp_path, *kinds, choice=few)
    _, paths = ran(model, STILL[:2], tmp_path, *kinds, choice=few, overwrite=True)
    assert len(list(paths["png"].iterdir())) == 2
    assert sorted(path.name for path in paths["yolo"].iterdir()) == ["000000.txt", "000001.txt", "classes.txt"]
    for kind, content in (("coco", '{"images":[]}'), ("csv", "mine,too"), ("yolo", None)):
        mine = paths[kind] if content else paths["yolo"] / "000000.txt"
        before = mine.read_text()
        mine.write_text(content or "my own labels")
        with pytest.raises(StreamdeqError, match="was not made by a run"):
            ran(model, STILL[:2], tmp_path, kind, choice=few, overwrite=True)
        assert mine.read_text() == (content or "my own labels")
        mine.write_text(before)


def test_how_films_are_drawn_can_be_chosen_and_trails_follow_ids(tmp_path: Path) -> None:
    drawn = {}
    for name, look in (("usual", Look()), ("plain", Look(("plain",))), ("trails", Look(("plain", "trails")))):
        moving = [np.roll(STILL[0], 3 * t, axis=1) for t in range(4)]
        options = {"choice": Choice(conf=0.0, track=True), "look": look}
        found, paths = ran(detector(), moving, tmp_path / name, "png", **options)
        drawn[name] = np.stack([np.asarray(Image.open(path)) for path in sorted(paths["png"].iterdir())])
        if name != "trails":
            expected = [detector().draw(image, one, look) for image, one in zip(moving, found, strict=True)]
            np.testing.assert_array_equal(drawn[name], expected)
    assert (drawn["usual"] != drawn["plain"]).any()
    assert (drawn["trails"][0] == drawn["plain"][0]).all()


def test_a_task_without_boxes_or_masks_has_none_to_write(tmp_path: Path) -> None:
    from streamdeq.tasks.base import TASKS

    assert {name: {"coco", "yolo", "mot"} & set(TASKS[name].writes) for name in ("depth", "classification")} == {
        "depth": set(),
        "classification": set(),
    }
    with pytest.raises(StreamdeqError, match="segmentation has no mot to write; it has: video, jsonl, png, coco"):
        ran(tiny_model(), STILL, tmp_path, "mot")
