"""`streamdeq data convert`: there and back gives the same labels, and what a layout cannot hold is told."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from support.box_trees import coco_video, picture, write_coco_video
from support.dataset_trees import write_cityscapes, write_cityscapes_labels, write_class_folders, write_clips, write_own
from support.export_trees import coco_masks, cvat_images, labelme, labelme_shape, yolo_polygons
from support.pose_trees import square_table

from streamdeq.cli.main import COMMANDS, build, guarded
from streamdeq.data.base import Dataset
from streamdeq.data.check import check
from streamdeq.data.convert import convert
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError
from streamdeq.values.boxes import Boxes
from streamdeq.values.keypoints import Keypoints


def labels(dataset: Dataset) -> dict[str, list[list[float]]]:
    """What every labelled picture shows, by its pixels: frames may be named otherwise."""
    found = {}
    for clip, t in dataset.samples:
        target = clip.target(t)
        if isinstance(target, Boxes):
            rows = np.column_stack([target.xyxy, target.labels])
        elif isinstance(target, Keypoints):
            seen = np.where(target.visible[:, :, None], target.xy, -1).reshape(len(target), -1)
            rows = np.column_stack([target.boxes_xyxy, seen])
        else:
            rows = target.astype(float)
        found[clip.image(t).tobytes().hex()] = rows.tolist()
    return found


def assert_same(one: Dataset, other: Dataset, within: float = 1.1e-3) -> None:
    assert (one.classes, one.task) == (other.classes, other.task)
    first, second = labels(one), labels(other)
    assert first.keys() == second.keys()
    for key in first:
        np.testing.assert_allclose(np.array(second[key]), np.array(first[key]), atol=within)


def boxes(root: Path) -> Path:
    """A film with a walker; the crowd and the flat box of it left out."""
    whole = coco_video()
    whole["annotations"] = [one for one in whole["annotations"] if one["id"] < 90]
    return write_coco_video(root, whole)


def masks(root: Path) -> Path:
    write_own(root, ["f/1", "train2"], unlabelled=["f/0"])
    write_clips(root, {"name": "f", "fps": 10, "frames": ["f/0", "f/1"]})
    return root


def overlapping(root: Path) -> Path:
    """A large polygon above a small one: COCO's order would be the other one."""
    small, large = ([[x, y], [x + s, y], [x + s, y + s], [x, y + s]] for x, y, s in ((4, 4, 4), (2, 2, 16)))
    return labelme(root, [labelme_shape("dog", "polygon", small), labelme_shape("cat", "polygon", large)])


WAYS: dict[str, tuple[Callable[[Path], Path], str, str, str]] = {
    "boxes: coco, yolo, coco": (boxes, "yolo", "coco", "detection"),
    "boxes: yolo, coco, yolo": (yolo_polygons, "coco", "yolo", "detection"),
    "boxes: cvat, coco, yolo": (cvat_images, "coco", "yolo", "detection"),
    "boxes: coco, mot, coco": (boxes, "mot", "coco", "detection"),
    "polygons: yolo, coco, yolo": (yolo_polygons, "coco", "yolo", "segmentation"),
    "masks: own, coco, own": (masks, "coco", "masks", "segmentation"),
    "masks: coco, own, coco": (coco_masks, "masks", "coco", "segmentation"),
    "masks: labelme, coco, own": (overlapping, "coco", "masks", "segmentation"),
    "points: table, yolo, coco": (lambda root: square_table(root, 2), "yolo", "coco", "pose"),
}


@pytest.mark.parametrize("way", WAYS)
def test_there_and_back_gives_the_same_labels(tmp_path: Path, way: str) -> None:
    write, there, back, task = WAYS[way]
    root = write(tmp_path / "a")
    for source, to, name in ((root, there, "b"), (tmp_path / "b", back, "c")):
        convert(source, tmp_path / name, to, task)
        assert check(tmp_path / name, task=task).problems == ()
    for split in ("train", "val"):
        if (split, True) in [(one.name, one.labelled > 0) for one in check(root, task=task).splits]:
            for name in "bc":
                assert_same(open_dataset(str(root), split, task), open_dataset(str(tmp_path / name), split, task))


def test_films_keep_their_frames_as_masks_and_their_order_in_coco(tmp_path: Path) -> None:
    convert(masks(tmp_path / "a"), tmp_path / "b", "masks")
    film, still = open_dataset(str(tmp_path / "b"), "train").clips
    assert (film.name, film.fps, len(film), film.labelled, len(still)) == ("f", 10, 2, (1,), 1)
    done = convert(boxes(tmp_path / "walk"), tmp_path / "again", "coco")
    [clip] = open_dataset(str(tmp_path / "again"), "train").clips
    assert (clip.name, clip.fps, clip.labelled) == ("walk", 25, (0, 1, 2))
    assert clip.target(2).instances.tolist() == [70]
    assert done.told.lost.total() == 0


def test_what_is_ignored_survives_where_there_is_a_place_for_it(tmp_path: Path) -> None:
    root = write_coco_video(tmp_path / "a")
    assert convert(root, tmp_path / "coco", "coco").told.lost["boxes to be ignored"] == 0
    assert open_dataset(str(tmp_path / "coco"), "train").clips[0].target(1).ignore.tolist() == [False, True]
    assert convert(root, tmp_path / "yolo", "yolo").told.lost["boxes to be ignored"] == 1


def test_polygons_stay_polygons_in_coco_and_pycocotools_reads_them(tmp_path: Path) -> None:
    convert(yolo_polygons(tmp_path / "a"), tmp_path / "b", "coco", "segmentation")
    reference = COCO(str(tmp_path / "b/annotations/instances_train.json"))
    [cat, dog] = reference.loadAnns(reference.getAnnIds())
    assert (cat["bbox"], dog["area"]) == ([4, 6, 8, 10], 192)
    assert isinstance(dog["segmentation"], list)
    names = [one["name"] for one in reference.loadCats(reference.getCatIds())]
    assert names == ["background", "cat", "dog"]


def test_an_order_that_coco_has_not_becomes_a_mask_for_each_class_and_is_told(tmp_path: Path) -> None:
    done = convert(overlapping(tmp_path / "a"), tmp_path / "b", "coco", "segmentation")
    assert done.told.lost.total() == 1
    whole = json.loads((tmp_path / "b/annotations/instances_train.json").read_text())
    assert [list(one["segmentation"]) for one in whole["annotations"]] == [["size", "counts"]]


def test_pictures_are_copied_or_linked(tmp_path: Path) -> None:
    root = yolo_polygons(tmp_path / "a")
    convert(root, tmp_path / "copied", "coco")
    convert(root, tmp_path / "linked", "coco", link=True)
    copied, linked = (tmp_path / name / "images/train/a.png" for name in ("copied", "linked"))
    assert copied.read_bytes() == linked.read_bytes() == (root / "images/train/a.png").read_bytes()
    assert not copied.is_symlink()
    assert os.readlink(linked) == str((root / "images/train/a.png").resolve())


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    root = yolo_polygons(tmp_path / "a")
    (tmp_path / "b").mkdir()
    convert(root, tmp_path / "b", "coco")
    before = sorted((tmp_path / "b").rglob("*"))
    with pytest.raises(StreamdeqError, match="expected a new or an empty folder"):
        convert(root, tmp_path / "b", "yolo")
    assert sorted((tmp_path / "b").rglob("*")) == before


def test_what_breaks_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    root = yolo_polygons(tmp_path / "a")
    picture(root / "images/train/b.png")
    (root / "labels/train/b.txt").write_text("0 0.5\n")
    with pytest.raises(StreamdeqError, match=r"b\.txt, line 1"):
        convert(root, tmp_path / "b", "coco", "detection")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_labels_for_which_a_layout_has_no_place_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StreamdeqError, match=r"to write as masks, got detection .*coco, mot, yolo"):
        convert(boxes(tmp_path / "a"), tmp_path / "b", "masks")
    with pytest.raises(StreamdeqError, match=r"got classification .*layouts for classification: none"):
        convert(write_class_folders(tmp_path / "c", {"train": {"cat": 1}}), tmp_path / "b", "coco")


def test_label_maps_have_no_outlines_for_yolo(tmp_path: Path) -> None:
    with pytest.raises(StreamdeqError, match=r"got a label map \(clip 'f'\), .* write coco or masks"):
        convert(masks(tmp_path / "a"), tmp_path / "b", "yolo")
    assert not (tmp_path / "b").exists()


def test_names_that_lead_out_or_are_there_twice_are_written_beside_one_another(tmp_path: Path) -> None:
    root = write_own(tmp_path / "a", ["train/x", "train/x-2"])
    (root / "images/train/x.png").write_bytes(b"")
    (root / "images/train/x.png").unlink()
    convert(root, tmp_path / "b", "masks")
    assert len(open_dataset(str(tmp_path / "b"), "train").clips) == 2


def test_a_split_without_labels_is_told_and_not_written(tmp_path: Path) -> None:
    root = write_cityscapes_labels(write_cityscapes(tmp_path / "a"))
    done = convert(root, tmp_path / "b", "masks")
    assert done.notes == ("split 'test' has no labels, and is not written",)
    assert check(tmp_path / "b").problems == ()
    assert list(done.splits) == ["train", "val"]


def test_the_command_tells_what_it_wrote_and_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, dest = write_coco_video(tmp_path / "a"), tmp_path / "b"
    assert guarded(build(COMMANDS), ["data", "convert", str(root), str(dest), "--to", "yolo"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{dest}\n"
    assert "convert: detection, 2 classes; labelled frames: train 3; written: 3 pictures, 4 labels" in err
    assert "convert: yolo cannot hold 1 boxes to be ignored" in err
    for wrong in (
        ["convert", str(root)],
        ["check", str(root), str(dest)],
        ["convert", str(root), str(dest), "--to", "voc"],
    ):
        assert guarded(build(COMMANDS), ["data", *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1
