"""What fine-tuning is worth on pictures that a packaged model never saw: IDD-Lite, 370 labelled pictures, 300 steps.

    git clone https://github.com/mohanrajmit/IDD ../idd
    python tools/measure_fine_tuning.py data ../idd/idd20k_lite ../idd/own
    streamdeq train --data ../idd/own --init camvid-s steps=300 --out ../idd/tuned
    streamdeq train --data ../idd/own --init none steps=300 --out ../idd/scratch
    python tools/measure_fine_tuning.py score ../idd/own camvid-s ../idd/tuned ../idd/scratch

`data` makes a folder of links: of the training pictures 370, by whole drives that are drawn by seed 0, as `train`, and
of the drives left 200 as `test`, by which a preset may be chosen (`score DIR:test`); `val` is the data's own. `score`
prints mIoU of single frames over the iterations, and by class at the best. A model of CamVid's classes answers by what
they mean here.
"""

import random
import sys
from pathlib import Path

import numpy as np

from streamdeq.api import load
from streamdeq.data.open import open_dataset
from streamdeq.data.prepare.idd_lite import CLASSES, OF_CAMVID
from streamdeq.tasks.segmentation.metric import ConfusionMatrix
from streamdeq.threads import use

TRAIN, DEV = 370, 200
COUNTS = (1, 2, 4, 8, 14)


def make(source: Path, target: Path) -> None:
    """The folder of own pictures, of links into IDD-Lite's."""
    drives = sorted(path.name for path in (source / "gtFine/train").iterdir())
    random.Random(0).shuffle(drives)
    splits: dict[str, list[tuple[str, Path]]] = {"train": [], "test": [], "val": []}
    for drive in drives:
        labels = [("train", path) for path in sorted((source / "gtFine/train" / drive).glob("*_label.png"))]
        room = TRAIN - len(splits["train"])
        if room > 0:
            splits["train"] += labels[:room]
        elif len(splits["test"]) < DEV:
            splits["test"] += labels[: DEV - len(splits["test"])]
    splits["val"] = [("val", path) for path in sorted((source / "gtFine/val").glob("*/*_label.png"))]
    for split, files in splits.items():
        names = []
        for part, label in files:
            name = f"{split}-{label.parent.name}-{label.name.removesuffix('_label.png')}"
            picture = source / "leftImg8bit" / part / label.parent.name / label.name.replace("_label.png", "_image.jpg")
            for folder, path in (("images", picture), ("labels", label)):
                link = target / folder / f"{name}{path.suffix}"
                link.parent.mkdir(parents=True, exist_ok=True)
                link.unlink(missing_ok=True)
                link.symlink_to(path.resolve())
            names.append(name)
        (target / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
        print(f"{split}: {len(names)}")
    (target / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES))


def score(data: str, split: str, names: list[str]) -> None:
    """A row per model."""
    dataset = open_dataset(data, split)
    for name in names:
        model = load(name, "cpu", "fp32")
        known = [CLASSES.index(OF_CAMVID.get(one, one)) for one in model.spec.classes]
        matrices = {count: ConfusionMatrix(len(CLASSES)) for count in COUNTS}
        for clip, t in dataset.samples:
            image, target = clip.image(t), clip.target(t)
            for count, matrix in matrices.items():
                matrix.update(np.array(known, np.uint8)[model.solve(image, count).labels], target)
        best = max(matrices, key=lambda count: matrices[count].miou)
        figures = ", ".join(f"{count}: {matrix.miou:.1f}" for count, matrix in matrices.items())
        by_class = dict(zip(CLASSES, (100 * matrices[best].iou).round(decimals=1).tolist(), strict=True))
        print(f"{name}: mIoU by iterations {figures}; at {best} {by_class}", flush=True)


if __name__ == "__main__":
    use(1)
    if sys.argv[1] == "data":
        make(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        split = sys.argv[2].partition(":")[2] or "val"
        score(sys.argv[2].partition(":")[0], split, sys.argv[3:])
