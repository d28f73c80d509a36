"""Small Cityscapes, own-data and class-folder trees with random pictures, for tests without the real ones."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

SIZE_HW = (16, 32)

#: (split, city, sequence, labelled frame): aachen counts films by sequence, frankfurt counts frames of one drive.
SNIPPETS = (
    ("train", "aachen", 0, 19),
    ("train", "aachen", 1, 19),
    ("train", "zurich", 0, 19),
    ("val", "frankfurt", 0, 294),
    ("val", "frankfurt", 0, 576),
    ("val", "frankfurt", 1, 12),
    ("test", "berlin", 0, 19),
)
SPLITS = ("train", "val", "test")
IDS = np.array((0, 1, 3, 6, 7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 31, 32, 33), np.uint8)


def random_picture(path: Path, size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    """Write a random RGB picture whose pixels follow from its name; returns what was drawn."""
    rng = np.random.default_rng(list(path.name.encode()))
    return write(path, rng.integers(0, 256, (*size_hw, 3), np.uint8))


def write(path: Path, pixels: np.ndarray) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def name(city: str, sequence: int, frame: int, kind: str) -> str:
    return f"{city}_{sequence:06d}_{frame:06d}_{kind}.png"


def write_cityscapes_labels(root: Path, seed: int = 0, kind: str = "gtFine_labelIds") -> Path:
    """gtFine with random label ids (those of test void, as published)."""
    rng = np.random.default_rng(seed)
    for split, city, sequence, frame in SNIPPETS:
        ids = rng.choice(IDS, SIZE_HW) if split != "test" else np.zeros(SIZE_HW, np.uint8)
        write(root / "gtFine" / split / city / name(city, sequence, frame, kind), ids)
    return root


def write_cityscapes(
    root: Path,
    package: str = "leftImg8bit",
    frames: Sequence[int] = (0,),
    splits: Iterable[str] = SPLITS,
) -> Path:
    """A picture package: the frames at these distances from each labelled one, as far as they are not negative."""
    for split, city, sequence, labelled in SNIPPETS:
        for number in (labelled + distance for distance in frames):
            if split in splits and number >= 0:
                random_picture(root / package / split / city / name(city, sequence, number, "leftImg8bit"))
    return root


def write_own(
    root: Path, keys: Iterable[str], unlabelled: Iterable[str] = (), classes: str = "road\ncar\nsky\n"
) -> Path:
    """images/*.jpg, labels/*.png with random indices 0..2 and 255, classes.txt."""
    keys = list(keys)
    for key in (*keys, *unlabelled):
        random_picture(root / "images" / f"{key}.jpg")
    for key in keys:
        rng = np.random.default_rng(list(key.encode()))
        write(root / "labels" / f"{key}.png", rng.choice(np.array((0, 1, 2, 255), np.uint8), SIZE_HW))
    (root / "classes.txt").write_text("road\ncar\nsky\n")
    return root


def write_clips(root: Path, *clips: object) -> None:
    (root / "clips.jsonl").write_text("\n".join(json.dumps(clip) for clip in clips) + "\n")


def write_class_folders(root: Path, counts: dict[str, dict[str, int]]) -> Path:
    """{split: {class: number of pictures}} as class folders."""
    for split, classes in counts.items():
        for label, count in classes.items():
            (root / split / label).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                random_picture(root / split / label / f"{label}_{number}.JPEG")
    return root
