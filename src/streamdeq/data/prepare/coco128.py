"""The first 128 pictures each of COCO's train2017 and val2017, boxes of the classes below; one split, `test`.

For scoring alone: detectors that label pictures for others learned from COCO. The lists have no crowds; objects of
other classes are not in the file.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from streamdeq.data.prepare.sources import copied
from streamdeq.data.prepare.writing import write_json
from streamdeq.reading import read_text

#: COCO's number, from 0, and name.
CLASSES = {0: "person", 1: "bicycle", 2: "car", 3: "motorcycle", 5: "bus", 7: "truck", 16: "dog"}
_LABELS = Path("object_detection/labels")


def prepare(sources: Sequence[Path], out: Path, final: Path) -> None:
    (root,) = sources
    images: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    for file in sorted((root / "images").glob("*2017/*.jpg")):
        name = file.relative_to(root / "images")
        with Image.open(file) as picture:
            width, height = picture.size
        images.append(
            {"id": len(images) + 1, "file_name": f"images/{name.as_posix()}", "width": width, "height": height}
        )
        copied(file.parent, (file.name,), out / "images" / name.parent)
        labels = root / _LABELS / name.with_suffix(".txt")
        for line in read_text(labels).splitlines() if labels.is_file() else ():
            number, x, y, w, h = (float(value) for value in line.split())
            if int(number) not in CLASSES:
                continue
            box = [(x - w / 2) * width, (y - h / 2) * height, w * width, h * height]
            objects.append({
                "id": len(objects) + 1, "image_id": len(images), "category_id": int(number) + 1,
                "bbox": [round(value, 2) for value in box], "area": round(box[2] * box[3], 2), "iscrowd": 0,
            })  # fmt: skip
    categories = [{"id": number + 1, "name": name} for number, name in CLASSES.items()]
    write_json({"categories": categories, "images": images, "annotations": objects}, out / "test.json")
