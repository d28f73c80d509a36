"""Boxes that two detectors agree on, for pictures that have none, as COCO's JSON to train on.

    python tools/teach/label_boxes.py --picodet T/picodet_s_416_coco.onnx --nanodet T/nanodet-plus-m_416 \\
        --out data/people data/lspet/images data/imagenette/train data/mot15-mini/train.json

A source is a folder of pictures, or COCO's JSON of people's own boxes (films as well): those stay as they are, and the
detectors add the classes that the file does not know. Pictures stay where they are; commands on the new folder take
`--allow-outside`. A picture with a doubtful box is left out, as the training would take the place for background; of a
film it stays, with the box to be ignored. Prints how many of each; agree.py has the rule. What is known is kept in
OUT/answers.jsonl: interrupted, the command goes on where it was.
"""

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from agree import Agreement, agreed
from detectors import NAMES, Detector, Found, NanoDetPlus, PicoDet
from readme import NANODET, PICODET, write_readme

from streamdeq.data.pictures import pictures, read_rgb, size_of
from streamdeq.errors import StreamdeqError

ANSWERS = "answers.jsonl"


@dataclass
class Picture:
    """A picture to label; `entry` and `boxes` are what COCO's JSON says of it, if one does; `known` its classes."""

    file: Path
    entry: dict[str, Any] = field(default_factory=dict)
    boxes: list[dict[str, Any]] = field(default_factory=list)
    known: frozenset[str] = frozenset()


def sources(given: list[Path]) -> Iterator[tuple[list[dict[str, Any]], list[Picture]]]:
    """The films and pictures of each source."""
    for source in given:
        if source.suffix == ".json":
            yield _of_json(source)
        else:
            yield [], [Picture(path) for path in pictures(source.rglob("*"))]


def _of_json(source: Path) -> tuple[list[dict[str, Any]], list[Picture]]:
    whole = json.loads(source.read_text(encoding="utf-8"))
    names = {one["id"]: one["name"] for one in whole["categories"]}
    if not set(names.values()) <= set(NAMES):
        raise StreamdeqError(f"expected classes among {', '.join(NAMES)} in {source}, got {', '.join(names.values())}")
    found = {one["id"]: Picture(source.parent / one["file_name"], one, [], frozenset(names.values()))
             for one in whole["images"]}  # fmt: skip
    for one in whole["annotations"]:
        found[one["image_id"]].boxes.append(one | {"category_id": NAMES.index(names[one["category_id"]]) + 1})
    return whole.get("videos", []), list(found.values())


class Teachers:
    """Two detectors; what they answered is kept in a file."""

    def __init__(self, detectors: tuple[Detector, Detector], kept: Path) -> None:
        self.detectors, self.kept = detectors, kept
        lines = kept.read_text(encoding="utf-8").splitlines() if kept.is_file() else []
        self.answers: dict[str, list[list[Any]]] = dict(json.loads(line) for line in lines if line.endswith("]"))

    def ask(self, file: Path) -> tuple[Found, Found]:
        key = os.path.realpath(file)
        if key not in self.answers:
            image = read_rgb(file)
            both = [one(image).above(0.2) for one in self.detectors]
            self.answers[key] = [[one.xyxy.tolist(), one.labels.tolist(), one.scores.tolist()] for one in both]
            with self.kept.open("a", encoding="utf-8") as out:
                out.write(json.dumps([key, self.answers[key]]) + "\n")
        a, b = (
            Found(np.array(xyxy, np.float32).reshape(-1, 4), np.array(labels, np.int64), np.array(scores, np.float32))
            for xyxy, labels, scores in self.answers[key]
        )
        return a, b


class Labels:
    """COCO's JSON as it grows."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, Counter[str]()
        self.videos: list[dict[str, Any]] = []
        self.images: list[dict[str, Any]] = []
        self.boxes: list[dict[str, Any]] = []

    def film(self, video: dict[str, Any]) -> int:
        self.videos.append(video | {"id": len(self.videos) + 1})
        return len(self.videos)

    def add(self, picture: Picture, film: int | None, known: Found, doubtful: Found) -> None:
        """With the detectors' boxes of the classes that nobody else labelled."""
        new = [k for k in range(len(known)) if NAMES[known.labels[k]] not in picture.known]
        odd = [k for k in range(len(doubtful)) if NAMES[doubtful.labels[k]] not in picture.known]
        if odd and film is None:
            self.count["left out"] += 1
            return
        height, width = size_of(picture.file)
        name = os.path.relpath(picture.file.resolve(), self.folder.resolve())
        about = {"file_name": name, "width": width, "height": height}
        frame = {} if film is None else {"video_id": film, "frame_id": picture.entry["frame_id"]}
        self.images.append({"id": len(self.images) + 1, **about, **frame})
        for one in picture.boxes:
            self._box(one | {"area": one.get("area", 0)}, "by people")
        for found, places, kind in ((known, new, "agreed"), (doubtful, odd, "doubtful, ignored")):
            for k in places:
                left, top, right, bottom = (round(float(side), 2) for side in found.xyxy[k])
                box = {"category_id": int(found.labels[k]) + 1, "bbox": [left, top, right - left, bottom - top]}
                self._box(box | {"area": (right - left) * (bottom - top), "ignore": int(kind != "agreed")}, kind)
        self.count["pictures"] += 1

    def _box(self, box: dict[str, Any], kind: str) -> None:
        self.boxes.append(box | {"id": len(self.boxes) + 1, "image_id": len(self.images)})
        self.count[f"{NAMES[box['category_id'] - 1]}, {kind}"] += 1

    def write(self, name: str) -> None:
        categories = [{"id": number, "name": one} for number, one in enumerate(NAMES, 1)]
        whole = {"videos": self.videos, "categories": categories, "images": self.images, "annotations": self.boxes}
        (self.folder / name).write_text(json.dumps(whole, separators=(",", ":")), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", type=Path, help="folders of pictures, COCO's JSON")
    parser.add_argument("--picodet", type=Path, required=True, help="picodet_s_416_coco.onnx")
    parser.add_argument("--nanodet", type=Path, required=True, help="nanodet-plus-m_416, without .param and .bin")
    parser.add_argument("--out", type=Path, required=True, help="folder of train.json")
    parser.add_argument("--every", type=int, default=1, help="every so many pictures of a source")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    asked.out.mkdir(parents=True, exist_ok=True)
    teachers = Teachers((PicoDet(asked.picodet), NanoDetPlus(asked.nanodet)), asked.out / ANSWERS)
    labels = Labels(asked.out)
    for videos, found in sources(asked.sources):
        films = {video["id"]: labels.film(video) for video in videos}
        for picture in found[:: asked.every]:
            film = films.get(picture.entry.get("video_id"))
            labels.add(picture, film, *agreed(*teachers.ask(picture.file), Agreement()))
    labels.write("train.json")
    write_readme(asked.out, "tools/teach/label_boxes.py", asked.sources, [PICODET, NANODET])
    print("\n".join(f"{count:8,}  {what}" for what, count in sorted(labels.count.items())))


if __name__ == "__main__":
    main()
