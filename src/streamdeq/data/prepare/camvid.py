"""CamVid in the SegNet split: pictures as JPEG, which a quarter of the bytes hold, labels byte for byte."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from streamdeq.data.prepare.writing import write_jpeg
from streamdeq.reading import read_text


def prepare(sources: Sequence[Path], out: Path, final: Path) -> None:
    (root,) = sources
    for split in ("train", "val", "test"):
        lines = []
        (out / "labels" / split).mkdir(parents=True)
        for line in read_text(root / "CamVid" / f"{split}.txt").split("\n"):
            if not line.strip():
                continue
            name = Path(line.split()[0]).stem
            image, label = f"images/{split}/{name}.jpg", f"labels/{split}/{name}.png"
            with Image.open(root / "CamVid" / split / f"{name}.png") as picture:
                write_jpeg(picture.convert("RGB"), out / image, 92, 1)
            shutil.copyfile(root / "CamVid" / f"{split}annot" / f"{name}.png", out / label)
            lines.append(f"{image} {label}\n")
        (out / f"{split}.txt").write_text("".join(lines), encoding="utf-8")
