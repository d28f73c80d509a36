"""The Penn-Fudan pedestrians: 170 pictures of two campuses and their streets, boxes; one split, `test`, for scoring.

The boxes are those of the annotation files, people in the distance and hidden ones included.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streamdeq.data.prepare.sources import copied
from streamdeq.data.prepare.writing import write_json
from streamdeq.reading import read_text

_ROOT = Path("data/PennFudanPed")
_SIZE = re.compile(r"Image size \(X x Y x C\) : (\d+) x (\d+)")
_BOX = re.compile(r"\(Xmin, Ymin\) - \(Xmax, Ymax\) : \((\d+), (\d+)\) - \((\d+), (\d+)\)")


def prepare(sources: Sequence[Path], out: Path, final: Path) -> None:
    root = sources[0] / _ROOT
    images: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    for path in sorted((root / "Annotation").glob("*.txt")):
        text, file = read_text(path), f"{path.stem}.png"
        width, height = (int(side) for side in _SIZE.findall(text)[0])
        images.append({"id": len(images) + 1, "file_name": f"images/{file}", "width": width, "height": height})
        copied(root / "PNGImages", (file,), out / "images")
        for left, top, right, bottom in ([int(side) for side in found] for found in _BOX.findall(text)):
            box = [left - 1, top - 1, right - left + 1, bottom - top + 1]  # pixels count from 1, both ends included
            objects.append({
                "id": len(objects) + 1, "image_id": len(images), "category_id": 1, "bbox": box,
                "area": box[2] * box[3], "iscrowd": 0,
            })  # fmt: skip
    whole = {"categories": [{"id": 1, "name": "person"}], "images": images, "annotations": objects}
    write_json(whole, out / "test.json")
