"""Label maps of CamVid's classes for streets that have none, or others', as a folder of pictures and maps to train on.

    python tools/teach/label_maps.py --edgenets T/EdgeNets --out data/street-wide \\
        data/camvid:train data/camvid:val data/idd-lite:train data/idd-lite/images/test

A source is FOLDER:SPLIT of labelled pictures, or a folder of pictures. Maps of CamVid's classes are kept. Those of
IDD-Lite's, and pictures without, are labelled by the network (espnet.py), a pixel that it is not sure of by 255; what
people say in IDD-Lite's classes overrules it: `drivable` is road and `sky` is sky, and where its class is not of the
kind that they saw, nobody knows. `val` of the folder is CamVid's, all else `train`. Prints the share of each class.

    python tools/teach/label_maps.py --edgenets T/EdgeNets --check data/camvid:train --every 6

scores the network on maps of CamVid's classes alone, all pixels, and writes nothing.
"""

import argparse
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from espnet import CLASSES as CITYSCAPES
from espnet import ESPNetv2
from PIL import Image
from readme import ESPNET, write_readme

from streamdeq.data.base import IGNORE_INDEX
from streamdeq.data.open import open_dataset
from streamdeq.data.pictures import pictures, read_rgb
from streamdeq.data.prepare.idd_lite import CLASSES as IDD
from streamdeq.data.prepare.idd_lite import OF_CAMVID
from streamdeq.data.readers.camvid import CLASSES, PALETTE
from streamdeq.errors import StreamdeqError
from streamdeq.tasks.segmentation.metric import ConfusionMatrix

#: Cityscapes' classes by what they are in CamVid.
MEANS = {
    "road": "road", "sidewalk": "pavement", "building": "building", "wall": "building", "fence": "fence",
    "pole": "pole", "traffic light": "sign symbol", "traffic sign": "sign symbol", "vegetation": "tree",
    "terrain": "tree", "sky": "sky", "person": "pedestrian", "rider": "bicyclist", "car": "car", "truck": "car",
    "bus": "car", "train": "car", "motorcycle": "bicyclist", "bicycle": "bicyclist",
}  # fmt: skip
#: Which of CamVid's classes each of Cityscapes' is, as (11, 19) of 0 and 1.
TOGETHER = np.array([[MEANS[name] == one for name in CITYSCAPES] for one in CLASSES], np.float32)
#: IDD-Lite's class of each of CamVid's; and those that say CamVid's without the network.
KIND = np.array([IDD.index(OF_CAMVID[name]) for name in CLASSES])
ONLY = {IDD.index(kind): CLASSES.index(name) for kind, name in (("drivable", "road"), ("sky", "sky"))}
SURE = 0.6


class Street(NamedTuple):
    """A picture; `labels` (H, W) uint8 among `classes`, if people labelled it."""

    file: Path
    split: str
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()


def streets(given: str) -> Iterator[Street]:
    folder, colon, split = given.partition(":")
    if not colon:
        yield from (Street(path, "train") for path in pictures(Path(folder).rglob("*")))
        return
    dataset = open_dataset(folder, split, task="segmentation")
    if dataset.classes not in (CLASSES, IDD):
        raise StreamdeqError(f"expected the classes of CamVid or of IDD-Lite in {given}, got {dataset.classes}")
    for clip, t in dataset.samples:
        place = clip.place(t)
        if place is None:
            raise StreamdeqError(f"expected pictures in files in {given}, got the frames of {clip.name}")
        yield Street(place[0], "val" if split == "val" else "train", clip.target(t), dataset.classes)


def told(probable: np.ndarray, size_hw: tuple[int, int], sure: float) -> np.ndarray:
    """(H, W) uint8 among CamVid's classes, 255 where the sum of a class is less than `sure`, of (19, h, w)."""
    sums = np.tensordot(TOGETHER, probable, axes=1)
    whole = torch.nn.functional.interpolate(torch.from_numpy(sums)[None], size_hw, mode="bilinear")[0]
    best, labels = whole.max(dim=0)
    return np.where(best.numpy() >= sure, labels.numpy(), IGNORE_INDEX).astype(np.uint8)


def overruled(labels: np.ndarray, people: np.ndarray) -> np.ndarray:
    """A network's map of CamVid's classes by what people say in IDD-Lite's, both (H, W) uint8."""
    known = np.append(KIND, np.zeros(IGNORE_INDEX + 1 - len(KIND), KIND.dtype) - 1)
    kept = np.where(known[labels] == people, labels, IGNORE_INDEX).astype(np.uint8)
    for number, only in ONLY.items():
        kept[people == number] = only
    return kept


def labelled(street: Street, network: ESPNetv2) -> np.ndarray:
    """Its map, (H, W) uint8."""
    if street.labels is not None and street.classes == CLASSES:
        return street.labels
    image = read_rgb(street.file)
    labels = told(network(image), (image.shape[0], image.shape[1]), SURE)
    return labels if street.labels is None else overruled(labels, street.labels)


@dataclass
class Folder:
    """Pictures and maps, as `own_pictures` reads them."""

    path: Path

    def add(self, name: str, street: Street, labels: np.ndarray) -> None:
        for kind in ("images", "labels"):
            (self.path / kind / street.split).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(street.file, self.path / "images" / street.split / f"{name}{street.file.suffix}")
        Image.fromarray(labels).save(self.path / "labels" / street.split / f"{name}.png")

    def finish(self) -> None:
        listed = [{"name": name, "color": list(colour)} for name, colour in zip(CLASSES, PALETTE, strict=True)]
        (self.path / "classes.json").write_text(json.dumps(listed), encoding="utf-8")


def make(given: list[str], folder: Folder, network: ESPNetv2, every: int) -> np.ndarray:
    """(12,) how many pixels of each class there are, and of none."""
    counts = np.zeros(len(CLASSES) + 1, np.int64)
    for number, source in enumerate(given):
        for index, street in enumerate(streets(source)):
            if index % every == 0:
                labels = labelled(street, network)
                folder.add(f"{number}-{street.file.parent.name}-{street.file.stem}", street, labels)
                counts += np.bincount(labels.clip(max=len(CLASSES)).ravel(), minlength=len(counts))
    folder.finish()
    return counts


def check(given: str, network: ESPNetv2, every: int) -> str:
    matrix = ConfusionMatrix(len(CLASSES))
    for index, street in enumerate(streets(given)):
        if index % every == 0 and street.labels is not None:
            image = read_rgb(street.file)
            matrix.update(told(network(image), (image.shape[0], image.shape[1]), 0.0), street.labels)
    figures = zip(CLASSES, (100 * matrix.iou).tolist(), strict=True)
    return f"mIoU {matrix.miou:.1f}: " + ", ".join(f"{name} {value:.1f}" for name, value in figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", help="FOLDER:SPLIT, folders of pictures")
    parser.add_argument("--edgenets", type=Path, required=True, help="a checkout of sacmehta/EdgeNets")
    parser.add_argument("--size", type=int, default=512, help="shorter side that the network is shown")
    parser.add_argument("--out", type=Path, help="folder that is made")
    parser.add_argument("--every", type=int, default=1, help="every so many pictures of a source")
    parser.add_argument("--check", metavar="FOLDER:SPLIT", help="score the network and write nothing")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    network = ESPNetv2(asked.edgenets, asked.size)
    if asked.check:
        print(check(asked.check, network, asked.every))
        return
    asked.out.mkdir(parents=True)
    counts = make(asked.sources, Folder(asked.out), network, asked.every)
    folders = [Path(source.partition(":")[0]) for source in asked.sources]
    write_readme(asked.out, "tools/teach/label_maps.py", folders, [ESPNET])
    for name, count in zip((*CLASSES, "nobody knows"), counts.tolist(), strict=True):
        print(f"{100 * count / counts.sum():6.2f} %  {name}")


if __name__ == "__main__":
    main()
