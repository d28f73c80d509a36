"""Small data sets as labelling tools export them: each has a picture `a` of 32x24 with a cat's box, a dog's polygon."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.box_trees import picture

BOX, POLYGON = (4.0, 6.0, 12.0, 16.0), [(16.0, 4.0), (28.0, 4.0), (28.0, 20.0), (16.0, 20.0)]
SIZE_WH = (32, 24)


def _text(points: Sequence[tuple[float, float]]) -> str:
    return ";".join(f"{x:.2f},{y:.2f}" for x, y in points)


def cvat_images(root: Path, shapes: str | None = None, image: str = 'id="0" name="a.png"', meta: str = "") -> Path:
    """CVAT for images 1.1, as it unpacks: annotations.xml and images/."""
    picture(root / "images/a.png")
    if shapes is None:
        left, top, right, bottom = BOX
        shapes = (
            f'<polygon label="dog" source="manual" occluded="0" points="{_text(POLYGON)}" z_order="0">\n</polygon>\n'
            f'<box label="cat" source="manual" occluded="0" xtl="{left}" ytl="{top}" xbr="{right}" ybr="{bottom}" '
            'z_order="0">\n<attribute name="colour">red</attribute></box>\n'
        )
    (root / "annotations.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n<meta><task>'
        f"<name>pets</name><size>1</size><labels>\n{meta or CVAT_LABELS}</labels></task></meta>\n"
        f'<image {image} width="32" height="24">\n{shapes}</image>\n</annotations>\n'
    )
    return root


CVAT_LABELS = (
    "<label><name>dog</name><color>#fa3253</color><type>any</type></label>\n"
    "<label><name>cat</name><color>#33ddff</color><type>rectangle</type></label>\n"
)


def cvat_video(root: Path, tracks: str, frames: int = 4, filtered: str = "") -> Path:
    """CVAT for video 1.1 without its pictures."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "annotations.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n<meta><task>'
        f"<size>{frames}</size><start_frame>0</start_frame><stop_frame>{frames - 1}</stop_frame>"
        f"<frame_filter>{filtered}</frame_filter><labels>{CVAT_LABELS}</labels>"
        f"<original_size><width>32</width><height>24</height></original_size><source>walk.mp4</source></task></meta>\n"
        f"{tracks}\n</annotations>\n"
    )
    return root


def track(number: int, label: str, *shapes: str) -> str:
    inside = "\n".join(shapes)
    return f'<track id="{number}" label="{label}" source="manual">\n{inside}\n</track>'


def track_box(frame: int, box: Sequence[float], outside: int = 0) -> str:
    left, top, right, bottom = box
    return (
        f'<box frame="{frame}" outside="{outside}" occluded="0" keyframe="1" xtl="{left}" ytl="{top}" xbr="{right}" '
        f'ybr="{bottom}" z_order="0"></box>'
    )


def studio_result(kind: str, label: str, **value: Any) -> dict[str, Any]:
    about = {"original_width": 32, "original_height": 24, "image_rotation": 0, "from_name": "label", "to_name": "image"}
    return {"id": f"{kind}-{label}", "type": kind, "value": {**value, kind: [label]}, "origin": "manual", **about}


def studio_results() -> list[dict[str, Any]]:
    left, top, right, bottom = BOX
    box = {"x": left / 0.32, "y": top / 0.24, "width": (right - left) / 0.32, "height": (bottom - top) / 0.24}
    return [
        studio_result("polygonlabels", "dog", points=[[x / 0.32, y / 0.24] for x, y in POLYGON], closed=True),
        studio_result("rectanglelabels", "cat", rotation=0, **box),
    ]


def label_studio(root: Path, results: list[dict[str, Any]] | None = None, image: str = "") -> Path:
    picture(root / "images/a.png")
    task = {
        "id": 1,
        "data": {"image": image or "/data/upload/1/1a2b3c4d-a.png"},
        "annotations": [{"id": 7, "was_cancelled": False, "result": studio_results() if results is None else results}],
        "predictions": [],
        "meta": {},
    }
    (root / "project-1-at-2026-11-28.json").write_text(json.dumps([task]))
    return root


def labelme_shape(label: str, kind: str, points: Any, **others: Any) -> dict[str, Any]:
    shape = {"label": label, "points": points, "group_id": None, "description": "", "shape_type": kind, "flags": {}}
    return shape | {"mask": None} | others


def labelme(root: Path, shapes: list[dict[str, Any]] | None = None) -> Path:
    picture(root / "a.png")
    left, top, right, bottom = BOX
    if shapes is None:
        shapes = [
            labelme_shape("dog", "polygon", POLYGON),
            labelme_shape("cat", "rectangle", [[left, top], [right, bottom]]),
        ]
    whole = {"version": "5.8.1", "flags": {}, "shapes": shapes, "imagePath": "a.png", "imageData": "iVBORw0KGgo="}
    (root / "a.json").write_text(json.dumps(whole | {"imageHeight": 24, "imageWidth": 32}, indent=2))
    return root


def coco_masks(root: Path, split: str = "train") -> Path:
    """The same as COCO's JSON: the cat by run lengths, the dog by a polygon."""
    picture(root / "images/a.png")
    left, top, right, bottom = map(int, BOX)
    column = [top, bottom - top, 24 - bottom]
    counts = [24 * left + column[0], *[bottom - top, 24 - (bottom - top)] * (right - left - 1), bottom - top]
    counts.append(24 * 32 - sum(counts))
    cat = {"bbox": [left, top, right - left, bottom - top], "segmentation": {"size": [24, 32], "counts": counts}}
    dog = {"bbox": [16, 4, 12, 16], "segmentation": [[value for point in POLYGON for value in point]]}
    annotations = [
        {"id": 1, "image_id": 5, "category_id": 2, "iscrowd": 0, **dog},
        {"id": 2, "image_id": 5, "category_id": 1, "iscrowd": 0, **cat},
    ]
    whole = {
        "images": [{"id": 5, "file_name": "a.png", "width": 32, "height": 24}],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": annotations,
    }
    (root / f"{split}.json").write_text(json.dumps(whole, indent=1))
    return root


def yolo_polygons(root: Path) -> Path:
    picture(root / "images/train/a.png")
    (root / "labels/train").mkdir(parents=True)
    left, top, right, bottom = BOX
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    lines = [(0, corners), (1, POLYGON)]
    text = "".join(f"{k} " + " ".join(f"{x / 32:.6f} {y / 24:.6f}" for x, y in points) + "\n" for k, points in lines)
    (root / "labels/train/a.txt").write_text(text)
    (root / "data.yaml").write_text("train: images/train\nval: images/train\nnames: [cat, dog]\n")
    return root
