"""What `open_dataset` recognises, and what it says when it does not."""

from pathlib import Path

import pytest

from streamdeq.data.base import Dataset
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError


def message(spec: str, split: str = "train") -> str:
    with pytest.raises(StreamdeqError) as error:
        open_dataset(spec, split)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_folder_that_is_not_there_is_told_with_what_would_do(tmp_path: Path) -> None:
    text = message(str(tmp_path / "nowhere"))
    assert "nowhere, which is no folder" in text
    assert "train.txt" in text


def test_a_folder_of_something_else_is_told_with_what_would_do(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a single column\n")
    assert "found none of them" in message(str(tmp_path))


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


def test_a_palette_must_have_a_colour_for_each_class() -> None:
    with pytest.raises(ValueError, match="1 colours for 2 classes"):
        Dataset("x", "segmentation", "train", ("a", "b"), ((0, 0, 0),), (), "none")
