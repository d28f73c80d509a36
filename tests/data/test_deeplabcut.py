"""DeepLabCut projects: what is read of one animal and of several, which clips are of val, what is refused."""

import zlib
from pathlib import Path

import pytest
from support.box_trees import picture
from support.keypoint_trees import DLC_CONFIG, ONE_HEADER, SIZE_HW, TWO_ANIMALS, TWO_HEADER, write_dlc

from streamdeq.data.base import Clip
from streamdeq.data.check import check
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError

SEVERAL = DLC_CONFIG.format(several="true", points=TWO_ANIMALS)
TABLE = ONE_HEADER + (
    "labeled-data,film,img010.png,5.5,6,20,8,,\n"
    "labeled-data,film,img040.png,6,7,21,9,22,30\n"
    "labeled-data,film,img011.png,,,,,,\n"
)


def clips_of(root: Path) -> dict[str, Clip]:
    """Of all splits."""
    return {clip.name: clip for split in ("train", "val") for clip in open_dataset(str(root), split).clips}


def test_one_animal_is_read_from_three_columns(tmp_path: Path):
    root = write_dlc(tmp_path / "mice", {"film": TABLE})
    dataset = open_dataset(str(root), "train")
    assert (dataset.name, dataset.task, dataset.classes) == ("mice", "pose", ("snout", "leftear", "rightear"))
    assert dataset.head == {"skeleton": [[0, 1], [0, 2]], "mirrored": [[1, 2]]}
    clips = clips_of(root)
    assert {name: (len(clip), clip.labelled) for name, clip in clips.items()} == {
        "film/img010.png": (2, (0,)),  # img011 shows nothing
        "film/img040.png": (1, (0,)),
    }
    target = clips["film/img010.png"].target(0)
    assert target.xy.tolist() == [[[5.5, 6], [20, 8], [0, 0]]]
    assert target.visible.tolist() == [[True, True, False]]
    assert target.boxes_xyxy.tolist() == [[5.5, 6, 20, 8]]
    assert clips["film/img010.png"].image(1).shape == (*SIZE_HW, 3)


def test_several_animals_are_read_from_one_column_without_the_unique_body_parts(tmp_path: Path):
    rows = "labeled-data\\film\\img1.png,1,2,9,20,30,31,5,5\nlabeled-data/film/img7.png,,,,,8,9,5,5\n"
    clips = clips_of(write_dlc(tmp_path, {"film": TWO_HEADER + rows}, SEVERAL))
    both, one = clips["film/img1.png"].target(0), clips["film/img7.png"].target(0)
    assert both.instances.tolist() == [0, 1]  # m1 and m2, whatever their order in the table
    assert both.xy[:, 0].tolist() == [[30, 31], [1, 2]]
    assert both.visible.tolist() == [[True, False, False], [True, True, False]]
    assert (one.instances.tolist(), one.visible.tolist()) == ([0], [[True, False, False]])


def test_a_labelled_picture_is_streamed_from_the_frames_that_lie_before_it(tmp_path: Path):
    root = write_dlc(tmp_path, {"film": TABLE})
    place = root / "labeled-data/film"
    for number in (36, 38, 39, 41):
        picture(place / f"img{number:03d}.png", number, SIZE_HW)
    clip = clips_of(root)["film/img038.png"]
    assert (len(clip), clip.labelled) == (4, (2,))
    assert clip.target(0) is None
    assert len(clips_of(root)) == 2  # what no labelled frame is near is not used


def test_pictures_whose_names_are_no_number_are_clips_of_one(tmp_path: Path):
    table = ONE_HEADER + "".join(f"labeled-data,film,cam1_{k}.png,1,2,3,4,5,6\n" for k in (1, 2))
    assert {name: len(clip) for name, clip in clips_of(write_dlc(tmp_path, {"film": table})).items()} == {
        "film/cam1_1.png": 1,
        "film/cam1_2.png": 1,
    }


def test_a_tenth_by_the_hash_of_the_names_is_of_val_and_stays_there(tmp_path: Path):
    rows = [f"labeled-data,film,img{k:04d}.png,1,2,3,4,5,6\n" for k in range(0, 160, 2)]
    root = write_dlc(tmp_path / "many", {"film": ONE_HEADER + "".join(rows)})
    train, val = (open_dataset(str(root), split) for split in ("train", "val"))
    assert len(train.clips) + len(val.clips) == 80
    lowest = {name for name in clips_of(root) if zlib.crc32(name.encode()) < 0.1 * 2**32}
    assert {clip.name for clip in val.clips} == lowest
    assert 4 <= len(lowest) <= 12
    fewer = write_dlc(tmp_path / "fewer", {"film": ONE_HEADER + "".join(rows[:40])})
    assert {clip.name for clip in open_dataset(str(fewer), "val").clips} <= lowest


def test_of_two_clips_one_is_of_val_and_a_single_one_is_of_train(tmp_path: Path):
    two = write_dlc(tmp_path / "two", {"film": TABLE})
    assert [len(open_dataset(str(two), split).clips) for split in ("train", "val")] == [1, 1]
    one = write_dlc(tmp_path / "one", {"film": ONE_HEADER + "labeled-data,film,img010.png,5,6,20,8,,\n"})
    assert len(open_dataset(str(one), "train").clips) == 1
    with pytest.raises(StreamdeqError, match="unknown split 'val'"):
        open_dataset(str(one), "val")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",5.5,6,", ",5.5,six,", r"expected numbers as snout in .*CollectedData_ann.csv, line 4"),
        (",5.5,6,", ",5.5,,", r"expected both x and y of snout, or neither, in .*, line 4"),
        (",5.5,6,", ",5.5,inf,", r"expected both x and y of snout, or neither, in .*, line 4"),
        (",21,9,22,30", ",21,9,22", r"expected 9 fields in .*, line 5, got 8"),
        ("img040", "img010", r"expected the name of another picture in .*, line 5, got 'img010.png' twice"),
        ("leftear,leftear", "leftaer,leftaer", r"column 6: unknown body part 'leftaer'; did you mean 'leftear'"),
        ("bodyparts,", "parts,", r"a header of scorer, \(individuals,\) bodyparts, coords in .*, got scorer, coords"),
        ("coords,,,", "coords,,0,", r"equal length in .*, with 1 or 3 columns before the points"),
        ("x,y,x,y,x,y", "x,x,x,y,x,y", r"expected one x and one y of snout in .*, got 'x' at 5"),
        ("img040.png", "img041.png", r"expected the picture .*img041.png of .*, found none"),
    ],
)
def test_what_is_broken_in_a_table_is_refused_with_file_and_line(tmp_path: Path, old: str, new: str, message: str):
    root = write_dlc(tmp_path, {"film": TABLE})
    table = root / "labeled-data/film/CollectedData_ann.csv"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(StreamdeqError, match=message) as error:
        open_dataset(str(root), "train")
    assert "\n" not in str(error.value)


def test_an_individual_that_the_config_does_not_know_is_refused(tmp_path: Path):
    header = TWO_HEADER.replace("m1,m1", "m3,m3")
    root = write_dlc(tmp_path, {"film": header + "labeled-data/film/img1.png,1,2,9,20,30,31,5,5\n"}, SEVERAL)
    with pytest.raises(StreamdeqError, match="column 6: unknown individual 'm3'"):
        open_dataset(str(root), "train")


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ("bodyparts:", "different names as bodyparts in .*config.yaml, got none"),
        ("bodyparts: [a, a]", "different names as bodyparts in .*, got a, a"),
        ("bodyparts: MULTI!", "different names as multianimalbodyparts in .*, got none"),
        ("multianimalproject: true", "expected YAML in .*config.yaml, line 13, got: 'multianimalproject' twice"),
        ("bodyparts: [a, b", r"expected YAML in .*config.yaml, line \d+, got: expected ',' or '\]'"),
        ("bodyparts", "expected YAML in .*config.yaml, line 14, got: could not find expected ':' .* from line 13 on"),
    ],
)
def test_a_config_without_names_is_refused(tmp_path: Path, points: str, message: str):
    root = write_dlc(tmp_path, {"film": TABLE}, DLC_CONFIG.format(several="false", points=points))
    with pytest.raises(StreamdeqError, match=message) as error:
        open_dataset(str(root), "train")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("config", ["", "- snout\n- leftear\n", "snout"])
def test_a_config_without_keys_is_refused(tmp_path: Path, config: str):
    root = write_dlc(tmp_path, {"film": TABLE})
    (root / "config.yaml").write_text(config)
    first = config.partition("\n")[0] or "nothing"
    with pytest.raises(StreamdeqError, match=f"expected 'key: value' in .*config.yaml, got '{first}'"):
        open_dataset(str(root), "train")


def test_lists_in_one_line_are_read_too(tmp_path: Path):
    config = "scorer: ann\nbodyparts: [snout, leftear, rightear]\nskeleton: [[leftear, snout], [snout, rightear]]\n"
    dataset = open_dataset(str(write_dlc(tmp_path, {"film": TABLE}, config)), "train")
    assert dataset.head["skeleton"] == [[1, 0], [0, 2]]


def test_the_scorers_table_is_read_and_of_two_others_none(tmp_path: Path):
    root = write_dlc(tmp_path, {"film": TABLE})
    place = root / "labeled-data/film"
    (place / "CollectedData_bob.csv").write_text("another scorer's")
    assert len(clips_of(root)) == 2
    (place / "CollectedData_ann.csv").rename(place / "CollectedData_eve.csv")
    with pytest.raises(StreamdeqError, match=r"one table, or that of the config's scorer, in .*, got bob, eve"):
        open_dataset(str(root), "train")


def test_data_check_tells_what_is_there_and_which_films_have_no_labels(tmp_path: Path):
    root = write_dlc(tmp_path, {"film": TABLE})
    (root / "labeled-data/later").mkdir()
    report = check(root)
    assert (report.layout, report.task, report.unit) == ("DeepLabCut project", "pose", "visible key points")
    assert sum(split.labelled for split in report.splits) == 2
    assert [round(one.share, 2) for one in report.classes] == [0.4, 0.4, 0.2]
    assert "1 folders without CollectedData_*.csv are not used, the first is later" in report.missing
    assert not report.problems
