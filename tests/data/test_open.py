"""What `open_dataset` recognises, and what it says when it does not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import streamdeq
from streamdeq.data.base import Clip, Dataset
from streamdeq.data.check import check
from streamdeq.data.frames import Rendered
from streamdeq.data.open import formats, open_dataset
from streamdeq.data.reader import READERS, Reader, own_dataset
from streamdeq.data.targets import Held
from streamdeq.errors import StreamdeqError


def message(spec: str, split: str = "train") -> str:
    with pytest.raises(StreamdeqError) as error:
        open_dataset(spec, split)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_folder_that_is_not_there_is_told_with_what_would_do(tmp_path: Path) -> None:
    assert "nowhere, which is no folder" in message(str(tmp_path / "nowhere"))


def test_a_folder_of_something_else_is_told_with_what_would_do(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a single column\n")
    assert "1 .txt, the first is train.txt; missing: pictures or films beside the labels" in message(str(tmp_path))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("frmes=3", "did you mean 'frames'"),
        ("frames=many", "got 'frames=many'"),
        ("frames", "got 'frames'"),
        ("size=96", "got 'size=96'"),
        ("size=8x96", "sides of at least 16 pixels"),
        ("frames=0", "at least 1 frame"),
        ("clips=0", "at least 1 clip"),
        ("seed=-1", "seed of 0 or more"),
        ("fps=0", "frames per second above 0"),
        ("fps=nan", "frames per second above 0"),
        ("frames=30,cuts=30", "cuts rising between 1 and 29"),
        ("frames=30,cuts=20+10", "cuts rising between 1 and 29"),
    ],
)
def test_wrong_settings_of_the_synthetic_street_are_told_in_one_line(settings: str, expected: str) -> None:
    assert expected in message(f"synthetic:{settings}")


def test_an_unknown_split_lists_the_choices() -> None:
    assert "did you mean 'train'" in message("synthetic", "trian")


def test_a_registered_reader_is_asked_first_and_can_be_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(READERS, "_items", {**READERS._items})

    @streamdeq.register("reader", "greys")
    class Greys(Reader):
        title, expected, source = "grey pictures", "greys.txt with a level per line", "write greys.txt"

        def splits(self, folder: Path) -> tuple[str, ...]:
            return ("train",) if (folder / "greys.txt").is_file() else ()

        def open(self, folder: Path, split: str) -> Dataset:
            self.check_split(folder, split)
            levels = [int(line) for line in (folder / "greys.txt").read_text().split()]
            frames = Rendered(len(levels), lambda t: np.full((4, 6, 3), levels[t], np.uint8))
            maps = Held.of({len(levels) - 1: np.zeros((4, 6), np.uint8)})
            return own_dataset(folder, "segmentation", split, ("grey",), [Clip("greys", 10.0, frames, maps)])

    (tmp_path / "greys.txt").write_text("1 2 3")
    (tmp_path / "train" / "class").mkdir(parents=True)
    Image.new("RGB", (6, 4)).save(tmp_path / "train/class/a.png")
    [(clip, t)] = open_dataset(str(tmp_path), "train").samples
    assert (t, clip.image(1).max(), clip.target(1)) == (2, 2, None)
    report = check(tmp_path)
    assert (report.layout, report.name, report.problems) == ("grey pictures", tmp_path.name, ())
    assert "unknown split 'val'" in message(str(tmp_path), "val")
    assert "grey pictures: greys.txt with a level per line" in formats()


def test_a_palette_must_have_a_colour_for_each_class() -> None:
    with pytest.raises(ValueError, match="1 colours for 2 classes"):
        Dataset("x", "segmentation", "train", ("a", "b"), ((0, 0, 0),), (), "none")
