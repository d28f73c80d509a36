"""IDD-Lite: Indian streets at 320x227, pictures and label maps unchanged, the authors' split; test has no labels."""

import shutil
from collections.abc import Sequence
from pathlib import Path

CLASSES = ("drivable", "non-drivable", "living things", "vehicles", "road side objects", "far objects", "sky")
#: The classes of CamVid by what they are here.
OF_CAMVID = {
    "road": "drivable", "pavement": "non-drivable", "pedestrian": "living things", "bicyclist": "living things",
    "car": "vehicles", "fence": "road side objects", "pole": "road side objects", "sign symbol": "road side objects",
    "building": "far objects", "tree": "far objects", "sky": "sky",
}  # fmt: skip
_ROOT = "idd20k_lite"


def prepare(sources: Sequence[Path], out: Path, final: Path) -> None:
    root = sources[0] / _ROOT
    for part, ending, kind in (("leftImg8bit", "_image.jpg", "images"), ("gtFine", "_label.png", "labels")):
        for path in sorted((root / part).glob(f"*/*/*{ending}")):
            split, drive, name = path.relative_to(root / part).parts
            target = out / kind / split / drive / f"{name.removesuffix(ending)}{path.suffix}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    (out / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES), encoding="utf-8")
