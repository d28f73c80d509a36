"""All labels are read before the first step: what is broken is named, what is odd is told."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.dataset_trees import write_own

from streamdeq.data.cache import cached
from streamdeq.data.open import open_dataset
from streamdeq.data.whole import check_whole
from streamdeq.errors import StreamdeqError

NAMES = [f"{n:02d}" for n in range(6)]


def test_every_file_that_is_broken_is_named_at_once(tmp_path: Path):
    root = write_own(tmp_path / "mine", NAMES)
    (root / "labels/02.png").write_bytes(b"no picture")
    Image.fromarray(np.full((3, 5), 77, np.uint8)).save(root / "labels/04.png")
    (root / "images/05.jpg").write_bytes(b"nor this")
    with pytest.raises(StreamdeqError) as error:
        check_whole(open_dataset(str(root), "train"))
    assert str(error.value).startswith("3 problems: (1) ")
    assert all(name in str(error.value) for name in ("02.png", "04.png", "05.jpg"))


def test_a_class_that_never_occurs_is_told_and_what_was_read_is_kept(tmp_path: Path):
    root = write_own(tmp_path / "mine", NAMES)
    for name in NAMES:
        Image.fromarray(np.ones_like(np.array(Image.open(root / f"labels/{name}.png")))).save(
            root / f"labels/{name}.png"
        )
    data, said, seen = cached(open_dataset(str(root), "train"), 1 << 20), list[str](), list[int]()
    check_whole(data, said.append, lambda: seen.append(1))
    assert said == ["nothing in 'train' shows road, sky"]
    assert len(seen) == 6
    for folder in ("images", "labels"):
        for path in (root / folder).iterdir():
            path.unlink()
    assert all((clip.target(t) == 1).all() and clip.image(t).any() for clip, t in data.samples)
