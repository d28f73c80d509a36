"""Leeds Sports Pose Extended, whole: the pictures as they are, 14 joints of one person on each; stills to train on.

The stills that `lspet-crops` holds out are left out, and with them every picture that looks like one (`fingerprint`).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from streamdeq.data.prepare.fingerprint import near
from streamdeq.data.prepare.lspet_crops import NAMES, SKELETON, VAL, joints_of
from streamdeq.data.prepare.sources import copied
from streamdeq.data.prepare.writing import mirrored, write_names, write_table


def prepare(sources: Sequence[Path], out: Path, final: Path) -> None:
    (root,) = sources
    joints = joints_of(root / "joints.mat", "lspet")
    names = [f"images/im{number:05}.jpg" for number in range(1, joints.shape[2] + 1)]
    held_out = [number in VAL for number in range(1, len(names) + 1)]
    others = [root / name for name, held in zip(names, held_out, strict=True) if held]
    alike = near([root / name for name in names], others)  # a held-out picture looks like itself
    kept = [index for index, one in enumerate(alike) if not one]
    copied(root, tuple(names[index] for index in kept), out / "images")
    left_out = {"left_out": {"held out": sum(held_out), "looks like one of these": sum(alike) - sum(held_out)}}
    write_names(out, NAMES, SKELETON, mirrored(NAMES, "right", "left"), "human (Amazon Mechanical Turk)", **left_out)
    write_table(out / "labels.csv", (row for index in kept for row in _rows(names[index], joints[:, :, index])))


def _rows(file: str, joints: np.ndarray) -> Iterator[Sequence[object]]:
    """Of joints (14, 3): x, y, whether it was marked."""
    for name, (x, y, marked) in zip(NAMES, joints, strict=True):
        at = (f"{x:.2f}", f"{y:.2f}", 1) if marked else ("", "", 0)
        yield (file, "", "", 0, name, *at, "", "train")
