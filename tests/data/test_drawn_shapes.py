"""What labelling tools export: the same cat and dog from each, as boxes and as masks; what is above what."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from support.box_trees import picture
from support.export_trees import (
    BOX,
    POLYGON,
    coco_masks,
    cvat_images,
    label_studio,
    labelme,
    labelme_shape,
    studio_result,
    yolo_polygons,
)  # fmt: skip

from streamdeq.data.check import check
from streamdeq.data.labels import open_labelled
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError

TREES: dict[str, Callable[[Path], Path]] = {
    "coco": coco_masks,
    "yolo": yolo_polygons,
    "cvat": cvat_images,
    "label studio": label_studio,
    "labelme": labelme,
}


def drawn() -> np.ndarray:
    """0 background, 1 the cat, 2 the dog."""
    wanted = np.zeros((24, 32), np.uint8)
    wanted[6:16, 4:12], wanted[4:20, 16:28] = 1, 2
    return wanted


@pytest.mark.parametrize("tool", TREES)
def test_boxes_are_those_drawn_and_those_around_areas(tmp_path: Path, tool: str) -> None:
    root = TREES[tool](tmp_path / "pets")
    dataset = open_labelled(str(root), "train", "detection")
    assert (dataset.task, sorted(dataset.classes)) == ("detection", ["cat", "dog"])
    [clip] = dataset.clips
    found = {
        dataset.classes[label]: tuple(box)
        for label, box in zip(clip.target(0).labels, clip.target(0).xyxy.tolist(), strict=True)
    }
    assert found == {"cat": pytest.approx(BOX, abs=1e-3), "dog": pytest.approx((16, 4, 28, 20), abs=1e-3)}
    assert clip.image(0).shape == (24, 32, 3)
    report = check(root, task="detection")
    assert (report.name, report.problems, report.unit) == ("pets", (), "boxes")


@pytest.mark.parametrize("tool", TREES)
def test_areas_and_boxes_become_label_maps_on_a_background(tmp_path: Path, tool: str) -> None:
    root = TREES[tool](tmp_path / "pets")
    dataset = open_labelled(str(root), "train", "segmentation")
    assert (dataset.task, dataset.classes[0]) == ("segmentation", "background")
    order = [("background", "cat", "dog").index(name) for name in dataset.classes]
    np.testing.assert_array_equal(np.array(order)[dataset.clips[0].target(0)], drawn())
    assert check(root, task="segmentation").problems == ()


@pytest.mark.parametrize("tool", TREES)
def test_pictures_that_were_made_larger_have_larger_labels(tmp_path: Path, tool: str) -> None:
    root = TREES[tool](tmp_path)
    [path] = root.rglob("a.png")
    picture(path, size_hw=(48, 64))
    dataset = open_dataset(str(root), "train", "segmentation")
    order = [("background", "cat", "dog").index(name) for name in dataset.classes]
    wanted = drawn().repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(np.array(order)[dataset.clips[0].target(0)], wanted)


@pytest.mark.parametrize("tool", ["coco", "cvat", "labelme", "label studio"])
def test_labels_for_another_task_are_told(tmp_path: Path, tool: str) -> None:
    root = TREES[tool](tmp_path)
    assert check(root).notes == ("it has labels for segmentation, too: --task segmentation",)
    assert check(root, task="segmentation").notes == ()


def test_the_task_is_what_was_drawn_where_none_is_asked_for(tmp_path: Path) -> None:
    assert open_dataset(str(cvat_images(tmp_path / "both")), "train").task == "detection"
    polygons = labelme(tmp_path / "areas", [labelme_shape("dog", "polygon", POLYGON)])
    assert open_dataset(str(polygons), "train").task == "segmentation"
    assert open_dataset(str(polygons), "train", "detection").task == "detection"
    points = labelme(tmp_path / "points", [labelme_shape("nose", "point", [[3, 4]])])
    assert open_dataset(str(points), "train").task == "pose"


# -- what is above what ------------------------------------------------------------------------------------


def square(left: float, top: float, side: float) -> list[float]:
    return [left, top, left + side, top, left + side, top + side, left, top + side]


def coco_of(root: Path, *annotations: dict[str, Any], names: tuple[str, ...] = ("cat", "dog")) -> Path:
    picture(root / "a.png")
    entries = [{"id": k, "image_id": 1, **one} for k, one in enumerate(annotations)]
    categories = [{"id": k, "name": name} for k, name in enumerate(names)]
    images = [{"id": 1, "file_name": "a.png", "width": 32, "height": 24}]
    (root / "train.json").write_text(json.dumps({"images": images, "categories": categories, "annotations": entries}))
    return root


def values_at(root: Path, *places: tuple[int, int]) -> list[str]:
    """Names of the classes at (row, column); `ignored` for 255."""
    dataset = open_dataset(str(root), "train", "segmentation")
    target = dataset.clips[0].target(0)
    return ["ignored" if target[place] == 255 else dataset.classes[target[place]] for place in places]


@pytest.mark.parametrize("order", [1, -1])
def test_in_coco_the_smaller_lies_on_the_larger_and_crowds_below_all(tmp_path: Path, order: int) -> None:
    large, small = (
        {"category_id": 0, "segmentation": [square(2, 2, 16)]},
        {"category_id": 1, "segmentation": [square(4, 4, 4)]},
    )
    crowd = {"category_id": 1, "iscrowd": 1, "segmentation": [square(0, 0, 3)]}
    root = coco_of(tmp_path, *[large, small, crowd][::order])
    assert values_at(root, (5, 5), (10, 10), (0, 0), (2, 2), (23, 31)) == ["dog", "cat", "ignored", "cat", "background"]


def test_in_labelme_what_comes_later_lies_above(tmp_path: Path) -> None:
    small, large = (
        [[x, y] for x, y in zip(one[::2], one[1::2], strict=True)] for one in (square(4, 4, 4), square(2, 2, 16))
    )
    shapes = [labelme_shape("dog", "polygon", small), labelme_shape("cat", "polygon", large)]
    assert values_at(labelme(tmp_path / "covered", shapes), (5, 5), (10, 10)) == ["cat", "cat"]
    assert values_at(labelme(tmp_path / "seen", shapes[::-1]), (5, 5), (10, 10)) == ["dog", "cat"]


def test_in_cvat_z_order_decides_before_the_order_of_the_file(tmp_path: Path) -> None:
    def box(label: str, z: int, side: float) -> str:
        return f'<box label="{label}" xtl="2" ytl="2" xbr="{2 + side}" ybr="{2 + side}" z_order="{z}"></box>'

    root = cvat_images(tmp_path / "z", box("dog", 1, 4) + box("cat", 0, 16))
    assert values_at(root, (3, 3), (10, 10)) == ["dog", "cat"]
    root = cvat_images(tmp_path / "file", box("dog", 0, 4) + box("cat", 0, 16))
    assert values_at(root, (3, 3), (10, 10)) == ["cat", "cat"]


def test_a_background_of_ones_own_is_what_nothing_covers_and_ignore_is_no_class(tmp_path: Path) -> None:
    cat, void = (
        {"category_id": 0, "segmentation": [square(2, 2, 8)]},
        {"category_id": 1, "segmentation": [square(20, 2, 8)]},
    )
    root = coco_of(tmp_path / "own", cat, names=("cat", "background"))
    assert open_dataset(str(root), "train", "segmentation").classes == ("cat", "background")
    assert values_at(root, (4, 4), (20, 20)) == ["cat", "background"]
    root = coco_of(tmp_path / "ignored", cat, void, names=("cat", "__ignore__"))
    assert open_dataset(str(root), "train", "segmentation").classes == ("cat",)
    assert values_at(root, (4, 4), (4, 22), (20, 20)) == ["cat", "ignored", "ignored"]
    root = coco_of(tmp_path / "both", cat, void, names=("cat", "__ignore__", "background"))
    assert values_at(root, (4, 4), (4, 22), (20, 20)) == ["cat", "ignored", "background"]


def test_boxes_of_what_is_to_be_ignored_are(tmp_path: Path) -> None:
    boxes = [{"category_id": k, "bbox": [2, 2, 8, 8]} for k in (0, 1)]
    dataset = open_dataset(str(coco_of(tmp_path, *boxes, names=("__ignore__", "cat"))), "train")
    target = dataset.clips[0].target(0)
    assert (dataset.classes, target.labels.tolist(), target.ignore.tolist()) == (("cat",), [0, 0], [True, False])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
def test_polygons_cover_the_pixels_that_pycocotools_says(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    polygons = [rng.uniform(0, 24, 2 * rng.integers(3, 9)).round(2).tolist() for _ in range(20)]
    for k, polygon in enumerate(polygons):
        root = coco_of(
            tmp_path / str(k), {"category_id": 0, "segmentation": [polygon], "area": 1, "bbox": [0, 0, 1, 1]}
        )
        reference = COCO(str(root / "train.json"))
        wanted = reference.annToMask(reference.anns[0])
        np.testing.assert_array_equal(open_dataset(str(root), "train", "segmentation").clips[0].target(0) == 1, wanted)


def test_compressed_run_lengths_are_those_of_pycocotools(tmp_path: Path) -> None:
    from pycocotools import mask

    wanted = np.random.default_rng(1).random((24, 32)) < 0.5
    packed = mask.encode(np.asfortranarray(wanted, np.uint8))
    segmentation = {"size": packed["size"], "counts": packed["counts"].decode()}
    root = coco_of(tmp_path, {"category_id": 0, "segmentation": segmentation})
    np.testing.assert_array_equal(open_dataset(str(root), "train", "segmentation").clips[0].target(0) == 1, wanted)


# -- refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        (
            [[1, 1, 5, 5]],
            r"a polygon of at least 3 corners x, y in .*train.json, line 1, annotations number 1, got 4 numbers",
        ),
        (
            [[1, 1, 5, 5, 1e9, 0]],
            r"a polygon in the picture of 32x24 pixels in .*train.json, line 1, annotations number 1",
        ),
        (
            {"size": [2, 2], "counts": [4]},
            r"a mask of 24 rows and 32 columns, as its picture, in .*annotations number 1",
        ),
        ({"size": [24, 32], "counts": [5, 5]}, r"a mask of the picture's size in .*annotations number 1"),
        ({"size": [24, 32], "counts": "\x7f\x7f"}, r"a mask of the picture's size in .*annotations number 1"),
        ([["a"]], r"polygons \[\[x, y, x, y, …\]\] or run lengths .* in .*annotations number 1"),
    ],
)
def test_masks_that_are_none_are_refused_with_file_and_place(tmp_path: Path, segmentation: Any, message: str) -> None:
    root = coco_of(tmp_path, {"category_id": 0, "segmentation": segmentation})
    with pytest.raises(StreamdeqError, match=message):
        open_dataset(str(root), "train", "segmentation").clips[0].target(0)


def test_boxes_alone_cannot_be_masks_in_yolo(tmp_path: Path) -> None:
    root = yolo_polygons(tmp_path)
    (root / "labels/train/a.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    with pytest.raises(StreamdeqError, match=r"a polygon of at least 3 corners in .*a\.txt, line 1, got a box"):
        open_dataset(str(root), "train", "segmentation")


def test_brush_masks_of_label_studio_are_refused_with_the_way_out(tmp_path: Path) -> None:
    root = label_studio(tmp_path, [studio_result("brushlabels", "cat", format="rle", rle=[0, 1, 2])])
    with pytest.raises(
        StreamdeqError, match=r"a mask of the brush in .*json, entry 1, result 1; draw polygons, or export"
    ):
        open_dataset(str(root), "train")


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (
            '<box label="cat" xtl="x" ytl="1" xbr="2" ybr="2"></box>',
            r"numbers as xtl in .*annotations.xml, line 9, got 'x'",
        ),
        (
            '<polygon label="cat" points="1,1;2,2"></polygon>',
            r"at least 3 corners x, y in .*annotations.xml, line 9, got 4",
        ),
        (
            '<mask label="cat" left="0" top="0" width="2" height="2" rle="1, 2"></mask>',
            r"run lengths of 2x2 .* line 9, got 3",
        ),
        ('<mask label="cat" left="31" top="0" width="2" height="2" rle="4"></mask>', r"run lengths of 2x2 .* line 9"),
        ('<box xtl="1" ytl="1" xbr="2" ybr="2"></box>', r"a label of the box in .*annotations.xml, line 9, got none"),
        ('<box label="cow" xtl="1" ytl="1" xbr="2" ybr="2"></box>', r"line 9: unknown class 'cow'"),
        ("<box", r"XML in .*annotations.xml, line 9"),
    ],
)
def test_broken_elements_of_cvat_are_refused_with_their_line(tmp_path: Path, shapes: str, message: str) -> None:
    with pytest.raises(StreamdeqError, match=message):
        open_labelled(str(cvat_images(tmp_path, shapes)), "train", "detection")


def test_xml_of_a_tool_may_declare_no_entities(tmp_path: Path) -> None:
    root = cvat_images(tmp_path)
    text = (root / "annotations.xml").read_text()
    bomb = '?>\n<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    (root / "annotations.xml").write_text(text.replace("?>", bomb, 1))
    with pytest.raises(StreamdeqError, match=r"without entities of its own in .*annotations.xml, line 2, got <!ENTITY"):
        open_dataset(str(root), "train")


@pytest.mark.parametrize("name", ["../b.png", "/etc/b.png"])
def test_pictures_outside_are_not_read(tmp_path: Path, name: str) -> None:
    picture(tmp_path / "b.png")
    root = cvat_images(tmp_path / "set", image=f'id="0" name="{name}"')
    with pytest.raises(StreamdeqError, match=r"expected the picture|--allow-outside"):
        open_dataset(str(root), "train")
    shapes = json.loads((labelme(tmp_path / "me") / "a.json").read_text())
    (tmp_path / "me/a.json").write_text(json.dumps(shapes | {"imagePath": "../b.png"}))
    with pytest.raises(StreamdeqError, match="--allow-outside"):
        open_dataset(str(tmp_path / "me"), "train")
    assert open_dataset(str(tmp_path / "me"), "train", allow_outside=True).clips[0].image(0).shape == (24, 32, 3)
