"""What is held out of a training split that has nothing to validate on: whole films, whole folders, always the same."""

from pathlib import Path

import pytest
from support.dataset_trees import write_clips, write_own

from streamdeq.data.base import Dataset
from streamdeq.data.holdout import thinned
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError


def both(folder: Path) -> tuple[Dataset, Dataset]:
    return open_dataset(str(folder), "train-fit"), open_dataset(str(folder), "train-holdout")


def frames(dataset: Dataset) -> set[tuple[str, int]]:
    return {(clip.name, t) for clip, t in dataset.samples}


def test_every_picture_is_in_one_part_and_a_fifth_is_held_out(tmp_path):
    root = write_own(tmp_path / "mine", [f"{n:02d}" for n in range(20)])
    fit, held = both(root)
    assert (fit.split, held.split, len(held.samples)) == ("train-fit", "train-holdout", 4)
    assert frames(fit) | frames(held) == frames(open_dataset(str(root), "train"))
    assert not frames(fit) & frames(held)
    assert frames(both(root)[1]) == frames(held)
    assert not {name for name, _ in frames(held)} <= {"16", "17", "18", "19"}  # not simply the last ones


def test_single_pictures_of_one_folder_are_held_out_together(tmp_path):
    root = write_own(tmp_path / "mine", [f"day{day}/{n}" for day in range(6) for n in range(3)])
    fit, held = both(root)
    days = [{name.partition("/")[0] for name, _ in frames(part)} for part in (fit, held)]
    assert not days[0] & days[1]
    assert len(held.samples) == 6


def test_films_are_held_out_whole(tmp_path):
    films = {f"drive{k}": [f"drive{k}/{t}" for t in range(4)] for k in range(5)}
    root = write_own(tmp_path / "mine", [name for names in films.values() for name in names])
    write_clips(root, *({"name": name, "fps": 5, "frames": names} for name, names in films.items()))
    fit, held = both(root)
    assert [len(clip.labelled) for clip in held.clips] == [4]
    assert len(fit.clips) == 4


def test_a_film_that_is_most_of_the_data_is_trained_on(tmp_path):
    names = [f"drive/{t}" for t in range(8)]
    root = write_own(tmp_path / "mine", [*names, "still"])
    write_clips(root, {"name": "drive", "fps": 5, "frames": names})
    assert frames(both(root)[1]) == {("still", 0)}


def test_of_a_single_film_the_end_is_held_out_with_the_frames_before_it(tmp_path):
    names = [f"drive/{t}" for t in range(10)]
    root = write_own(tmp_path / "mine", names)
    write_clips(root, {"name": "drive", "fps": 5, "frames": names})
    fit, held = both(root)
    assert frames(fit) == {("drive", t) for t in range(8)}
    assert frames(held) == {("drive", 8), ("drive", 9)}
    assert len(held.clips[0]) == 10
    assert (held.clips[0].target(9) == open_dataset(str(root), "train").clips[0].target(9)).all()


def test_one_picture_cannot_be_divided(tmp_path):
    root = write_own(tmp_path / "mine", ["a"])
    with pytest.raises(StreamdeqError, match="at least 2 labelled frames in split 'train' of mine"):
        open_dataset(str(root), "train-fit")


def test_a_thinned_split_keeps_the_frames_before_those_that_stay(tmp_path):
    names = [f"drive/{t}" for t in range(9)]
    root = write_own(tmp_path / "mine", names)
    write_clips(root, {"name": "drive", "fps": 5, "frames": names})
    whole = open_dataset(str(root), "train")
    few = thinned(whole, 3)
    assert frames(few) == {("drive", 0), ("drive", 4), ("drive", 8)}
    assert len(few.clips[0]) == 9
    assert thinned(whole, 9) is whole
