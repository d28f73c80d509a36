"""What prepared folders have in common: pictures, the table of key points and its names."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from streamdeq.data.readers.pose_table import COLUMNS


def write_jpeg(pixels: np.ndarray | Image.Image, path: Path, quality: int, subsampling: int) -> None:
    """Subsampling is Pillow's: 1 is 4:2:2, 2 is 4:2:0."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=quality, subsampling=subsampling, optimize=True)


def write_json(value: Any, path: Path, indent: int | None = None) -> None:
    separators = (",", ":") if indent is None else None
    path.write_text(json.dumps(value, indent=indent, separators=separators), encoding="utf-8")


def write_names(
    folder: Path, names: Sequence[str], skeleton: Sequence[tuple[str, str]], pairs: Sequence[tuple[str, str]],
    labels: str, **more: Any,
) -> None:  # fmt: skip
    """`keypoints.json`."""
    whole = {"keypoints": list(names), "skeleton": skeleton, "flip_pairs": pairs, "labels": labels, **more}
    write_json(whole, folder / "keypoints.json", indent=1)


def write_table(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """`labels.csv`: rows of `COLUMNS`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def pairs_of(text: str) -> list[tuple[str, str]]:
    """`a-b c-d` as pairs."""
    return [(first, second) for first, _, second in (pair.partition("-") for pair in text.split())]


def mirrored(names: Sequence[str], first: str, second: str) -> list[tuple[str, str]]:
    """Pairs of names that differ in their side only, in the order of the `first` side's."""
    return [(name, name.replace(first, second, 1)) for name in names if first in name]
