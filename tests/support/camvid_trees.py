"""Small CamVid trees in both layouts, with random pictures, for tests without the real one."""

from pathlib import Path

import numpy as np
from PIL import Image

TRAIN = [f"0001TP_{n:06d}" for n in range(6690, 6841, 30)] + [f"0006R0_f{n:05d}" for n in range(930, 2251, 30)]
VAL = [f"0016E5_{n:05d}" for n in range(7959, 7979, 2)]
TEST = [f"0001TP_{n:06d}" for n in (8550, 8580)] + ["Seq05VD_f00000", "Seq05VD_f00030"]
NAMES = {"train": TRAIN, "val": VAL, "test": TEST}


def picture(name: str, size_hw: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The random RGB image and the stored label map (0..11) that the trees hold under `name`."""
    rng = np.random.default_rng(list(name.encode()))
    coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
    image = np.asarray(Image.fromarray(coarse).resize((size_hw[1], size_hw[0])))
    return image, rng.integers(0, 12, size_hw, np.uint8)


def write_listed_tree(root: Path, size_hw: tuple[int, int] = (24, 32)) -> Path:
    """Layout A: images/*.jpg, labels/*.png and lists."""
    for split, names in NAMES.items():
        lines = []
        for name in names:
            image, label = picture(name, size_hw)
            files = f"images/{split}/{name}.jpg", f"labels/{split}/{name}.png"
            for file in files:
                (root / file).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(root / files[0], quality=95)
            Image.fromarray(label).save(root / files[1])
            lines.append(" ".join(files))
        (root / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return root


def write_tutorial_tree(root: Path, size_hw: tuple[int, int] = (24, 32)) -> Path:
    """Layout B: CamVid/{split}/*.png and CamVid/{split}annot/*.png, and lists with paths of another machine."""
    for split, names in NAMES.items():
        folder, annotations = root / "CamVid" / split, root / "CamVid" / f"{split}annot"
        folder.mkdir(parents=True), annotations.mkdir()
        for name in names:
            image, label = picture(name, size_hw)
            Image.fromarray(image).save(folder / f"{name}.png")
            Image.fromarray(label).save(annotations / f"{name}.png")
        lines = [f"/SegNet/CamVid/{split}/{n}.png /SegNet/CamVid/{split}annot/{n}.png" for n in names]
        (root / "CamVid" / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return root
