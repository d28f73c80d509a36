"""A data set that somebody made to end, to starve or to lead astray the program is refused in one line, at once."""

import json
import os
import re
import resource
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from support.box_trees import coco_video, picture, write_coco_video
from support.dataset_trees import write_own
from support.export_trees import coco_masks
from support.keypoint_trees import mpii_person, write_mpii
from support.label_trees import SETS, yolo
from support.pose_trees import square_table

from streamdeq.cli.main import build, guarded
from streamdeq.data.check import check
from streamdeq.data.documents import read_xml, read_yaml
from streamdeq.data.label_boxes import label_boxes
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError

DIGITS = "9" * 5000


def refusal(read: Callable[[], object], within_s: float = 5.0) -> str:
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(StreamdeqError) as caught:
        read()
    assert time.monotonic() - began < within_s
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kilobytes
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) <= 4003
    return str(caught.value)


def everything(root: Path, task: str = "") -> None:
    """Open it, and read all that stands in text."""
    report = check(root, sample=2, task=task)
    if report.problems:
        raise StreamdeqError("; ".join(report.problems))


def altered(root: Path, name: str, file: str, old: str, new: str) -> Path:
    path = SETS[name].write(root) / file
    text = path.read_text()
    assert re.search(old, text), text
    path.write_text(re.sub(old, lambda found: new, text, count=1))
    return root


@pytest.mark.parametrize("deep", ["[" * 100_000, "[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900])
@pytest.mark.parametrize(
    ("name", "file", "old"),
    [
        ("coco boxes", "train.json", r"(?<=\"iscrowd\": )0"),
        ("coco points", "annotations/person_keypoints_val2017.json", r"(?<=\"category_id\": )1"),
        ("mpii", "annot/valid.json", r"(?<=\"scale\": )0.2"),
        ("own films", "classes.json", r"\[128, 64, 128\]"),
        ("own films", "clips.jsonl", r"(?<=\"fps\": )25"),
        ("pose table", "keypoints.json", r"\[\[\"left_top\", \"right_top\"\]\]"),
    ],
)
def test_json_that_is_nested_without_end_is_refused(tmp_path: Path, name: str, file: str, old: str, deep: str):
    root = altered(tmp_path, name, file, old, deep)
    assert "64 deep" in refusal(lambda: everything(root, SETS[name].task))


@pytest.mark.parametrize(
    ("name", "file", "old"),
    [
        ("coco boxes", "train.json", r"(?<=\"name\": \")walk"),
        ("mpii", "annot/valid.json", "a.jpg"),
        ("own films", "classes.json", "road"),
        ("own films", "clips.jsonl", "drive"),
        ("pose table", "keypoints.json", "bottom"),
    ],
)
def test_half_of_a_surrogate_pair_is_refused(tmp_path: Path, name: str, file: str, old: str):
    root = altered(tmp_path, name, file, old, r"\ud800")
    assert "surrogates not allowed" in refusal(lambda: everything(root, SETS[name].task))


@pytest.mark.parametrize(
    ("name", "file", "old"),
    [
        ("coco boxes", "train.json", r"(?<=\"instance_id\": )70"),
        ("coco points", "annotations/person_keypoints_val2017.json", r"(?<=\"category_id\": )1"),
        ("mpii", "annot/valid.json", r"(?<=\"scale\": )0.2"),
        ("own films", "classes.json", r"(?<=\[)128"),
        ("own films", "clips.jsonl", r"(?<=\[)1(?=\])"),
        ("own stills", "classes.txt", r"(?<=road )128"),
        ("yolo", "data.yaml", r"0(?=: cat)"),
        ("yolo", "data.yaml", r"2(?=, 3)"),
        ("yolo", "labels/train/a.txt", r"^1"),
        ("pose table", "labels.csv", r"(?<=,)100(?=,)"),
        ("deeplabcut", "labeled-data/film/CollectedData_ann.csv", r"(?<=png,)3"),
        ("imagenet-vid", "Annotations/VID/val/ILSVRC2015_val_00000000/000001.xml", r"(?<=<xmax>)[\d.]+"),
    ],
)
def test_a_number_of_thousands_of_digits_is_refused(tmp_path: Path, name: str, file: str, old: str):
    root = altered(tmp_path, name, file, old, DIGITS)
    refusal(lambda: everything(root, SETS[name].task))


def test_aliases_of_yaml_that_stand_for_a_billion_entries_are_refused_and_honest_ones_are_read(tmp_path: Path):
    lists = "\n".join(f"l{k}: &l{k} [{', '.join([f'*l{k - 1}'] * 9)}]" for k in range(1, 10))
    path = tmp_path / "data.yaml"
    path.write_text(f"l0: &l0 [lol]\n{lists}\nnames: *l9\ntrain: .\n")
    assert "1,000,000 entries" in refusal(lambda: read_yaml(path))
    path.write_text("names: &a [*a]\ntrain: .\n")
    assert "levels" in refusal(lambda: read_yaml(path))
    path.write_text("names: " + "[" * 500 + "]" * 500)
    refusal(lambda: read_yaml(path))
    path.write_text("names: &names [cat, dog]\nnames_again: *names\n")
    assert read_yaml(path) == {"names": ["cat", "dog"], "names_again": ["cat", "dog"]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_of_xml_are_refused(tmp_path: Path, encoding: str):
    entities = "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10}">' for k in range(1, 10))
    text = f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "lol">{entities}]><a>&l9;</a>'
    (tmp_path / "a.xml").write_bytes(text.encode(encoding))
    assert "without entities" in refusal(lambda: read_xml(tmp_path / "a.xml"))
    (tmp_path / "a.xml").write_text('<!DOCTYPE a [<!ENTITY l SYSTEM "file:///etc/passwd">]><a>&l;</a>')
    assert "without entities" in refusal(lambda: read_xml(tmp_path / "a.xml"))


# -- where files may lie -----------------------------------------------------------------------------------


def coco_naming(root: Path, name: str) -> Path:
    whole = coco_video((0,))
    write_coco_video(root, whole)
    whole["images"][0]["file_name"], whole["annotations"] = name, whole["annotations"][:1]
    (root / "train.json").write_text(json.dumps(whole))
    return root


def table_naming(root: Path, name: str) -> Path:
    table = square_table(root, 1, ("train",)) / "labels.csv"
    table.write_text(table.read_text().replace("frames/train-0.png", name))
    return root


def yolo_naming(root: Path, name: str) -> Path:
    (yolo(root) / "listed.txt").write_text(f"{name}\n")
    return root


NAMING: dict[str, Callable[[Path, str], Path]] = {
    "coco": coco_naming,
    "mpii": lambda root, name: write_mpii(root, [mpii_person("a.jpg"), mpii_person(name)]),
    "pose table": table_naming,
    "yolo": yolo_naming,
}


@pytest.mark.parametrize("format", NAMING)
@pytest.mark.parametrize("how", ["above", "absolute", "link"])
def test_a_picture_elsewhere_is_read_only_if_that_is_allowed_or_linked(tmp_path: Path, format: str, how: str):
    root, other = tmp_path / "set", tmp_path / "other"
    picture = write_own(other, ["x"]) / "images/x.jpg"
    (other / "labels/x.txt").write_text("")
    for kind in ("images", "labels"):
        (root / kind).mkdir(parents=True)
        (root / kind / "outside").symlink_to(other / kind)
    above = "../other/images/x.jpg" if format != "mpii" else "../../other/images/x.jpg"
    name = {"above": above, "absolute": str(picture), "link": "images/outside/x.jpg"}[how]
    if format == "mpii":
        name = {"above": above, "absolute": f"../../{picture.relative_to(tmp_path)}", "link": "outside/x.jpg"}[how]
    NAMING[format](root, name)
    write_own(other, ["x"])
    split = "val" if format == "mpii" else "train"
    if how == "link":
        open_dataset(str(root), split)
    else:
        assert "--allow-outside" in refusal(lambda: open_dataset(str(root), split))
        dataset = open_dataset(str(root), split, allow_outside=True)
        [clip] = [clip for clip in dataset.clips if "x.jpg" in str(clip.place(0))]
        assert clip.image(0).shape == (16, 32, 3)


def test_a_list_of_camvid_does_not_lead_out(tmp_path: Path):
    root = altered(tmp_path, "camvid", "val.txt", r"images/val/\S+", "../../../etc/hostname")
    assert "--allow-outside" in refusal(lambda: open_dataset(str(root), "val"))


@pytest.mark.parametrize("given", ["train: /", "train: ..", "path: /\ntrain: .", "path: ../..\ntrain: ."])
def test_a_data_set_does_not_count_the_machine(tmp_path: Path, given: str):
    root = altered(tmp_path / "a/b", "yolo", "data.yaml", "train: listed.txt", given)
    assert "--allow-outside" in refusal(lambda: open_dataset(str(root), "train"))
    if "path" not in given:
        assert "has the file itself in it" in refusal(lambda: open_dataset(str(root), "train", allow_outside=True))


def test_the_option_is_honoured_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_own(tmp_path / "other", ["x"])
    root = str(yolo_naming(tmp_path / "set", "../other/images/x.jpg"))
    assert guarded(build(["data"]), ["data", "check", root, "--quiet"]) == 2
    assert "--allow-outside" in capsys.readouterr().out
    guarded(build(["data"]), ["data", "check", root, "--quiet", "--allow-outside"])
    assert "--allow-outside" not in capsys.readouterr().out


def test_labels_as_boxes_and_the_picture_to_start_from_are_no_way_round(tmp_path: Path):
    write_own(tmp_path / "other", ["x"])
    root = coco_naming(tmp_path / "set", "../other/images/x.jpg")
    whole = json.loads((root / "train.json").read_text())
    del whole["images"][0]["width"]
    whole["images"].append({**whole["images"][0], "id": 9, "frame_id": 1, "file_name": "own.jpg"})
    whole["annotations"].append({**whole["annotations"][0], "id": 9, "image_id": 9})
    (root / "train.json").write_text(json.dumps(whole))
    picture(root / "own.jpg", 1)
    assert "--allow-outside" in refusal(lambda: label_boxes(root / "own.jpg"))
    assert [len(one.boxes_xyxy) for one in label_boxes(root / "own.jpg", allow_outside=True).values()] == [1]


# -- what is no file ---------------------------------------------------------------------------------------


def put_pipe(path: Path) -> None:
    os.mkfifo(path)


def put_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def put_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as endpoint:
        endpoint.bind(os.path.relpath(path))  # a name of at most a hundred bytes


PUT: dict[str, Callable[[Path], None]] = {"a pipe": put_pipe, "a device": put_device, "a socket": put_socket}


@pytest.mark.parametrize("kind", PUT)
def test_a_picture_that_is_no_file_is_refused_at_once(tmp_path: Path, kind: str, monkeypatch: Any):
    monkeypatch.chdir(tmp_path)
    root = write_own(tmp_path / "set", ["a", "b"])
    (root / "images/b.jpg").unlink()
    PUT[kind](root / "images/b.jpg")
    assert f"got: {kind}" in refusal(lambda: everything(root))


@pytest.mark.parametrize("kind", PUT)
@pytest.mark.parametrize("name", SETS)
def test_labels_that_are_no_file_are_refused_or_not_seen_at_once(
    tmp_path: Path, name: str, kind: str, monkeypatch: Any
):
    monkeypatch.chdir(tmp_path)
    root = SETS[name].write(tmp_path / "set")
    for file in SETS[name].files:
        (root / file).unlink()
        PUT[kind](root / file)
    began = time.monotonic()
    with suppress(StreamdeqError):
        everything(root, SETS[name].task)
    assert time.monotonic() - began < 5


def test_the_biggest_honest_fields_cost_nothing_where_no_schema_names_them(tmp_path: Path):
    """COCO's outlines: 20 MB here, which as Python's own numbers would take 300."""
    whole = coco_video()
    root = write_coco_video(tmp_path, whole)
    whole["annotations"][0]["segmentation"] = [[0.125, 7.25]] * 1_300_000
    (root / "train.json").write_text(json.dumps(whole))
    whole.clear()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(open_dataset(str(root), "train").clips) == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000


IMAGE = '<image name="a.png" width="9" height="9">{}</image>'
STARVING = {
    "deep": ("<a>" * 100_000, "64 deep"),
    "many": ("<a/>" * 1_000_000, "at most 500,000 elements"),
    "wide": ("<a " + " ".join(f'b{k}="1"' for k in range(600_000)) + "/>", "tags of at most 4,000,000 bytes"),
    "mask": (IMAGE.format('<mask label="a" rle="9e9" left="0" top="0" width="9e4" height="1e5"/>'), "run lengths of"),
    "polygon": (IMAGE.format('<polygon label="a" points="0,0;1e30,1;1,1"/>'), "a polygon in the picture"),
    "size": ('<image name="a.png" width="1e300" height="9"/>', "width and height of the image"),
}


@pytest.mark.parametrize("what", STARVING)
def test_xml_of_a_labelling_tool_that_is_made_to_starve_is_refused(tmp_path: Path, what: str):
    picture(tmp_path / "a.png")
    inside, expected = STARVING[what]
    (tmp_path / "annotations.xml").write_text(f"<annotations>{inside}</annotations>")
    assert expected in refusal(lambda: everything(tmp_path), 60)


def test_masks_of_coco_that_are_made_to_starve_are_refused(tmp_path: Path):
    root = coco_masks(tmp_path)
    whole = json.loads((root / "train.json").read_text())
    large, negative = {"size": [400_000, 500_000], "counts": "05"}, {"size": [24, 32], "counts": [-1, 769]}
    for segmentation in ([[0, 0, 1e30, 1, 1, 1]], large, negative):
        whole["annotations"][0]["segmentation"] = segmentation
        (root / "train.json").write_text(json.dumps(whole))
        assert "annotations number 1" in refusal(lambda: everything(root, "segmentation"))
