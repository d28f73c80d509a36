"""Cityscapes on small generated trees in its real layout, and its mIoU against the authors' own script."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.dataset_trees import IDS, SIZE_HW, random_picture, write, write_cityscapes, write_cityscapes_labels

from streamdeq.data.base import Dataset
from streamdeq.data.open import open_dataset
from streamdeq.data.readers.cityscapes import CLASSES, LABEL_IDS, PALETTE, Cityscapes
from streamdeq.errors import StreamdeqError
from streamdeq.tasks.segmentation.metric import ConfusionMatrix

FILM = range(-19, 11)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("films")
    return write_cityscapes_labels(write_cityscapes(root, "leftImg8bit_sequence", FILM))


@pytest.fixture(scope="module")
def stills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cityscapes_labels(write_cityscapes(tmp_path_factory.mktemp("stills")))


@pytest.fixture
def broken(stills: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(stills, tmp_path / "cityscapes"))


def read(folder: Path, split: str) -> None:
    for clip, t in open_dataset(str(folder), split).samples:
        clip.target(t)


def told(folder: Path, split: str) -> str:
    with pytest.raises(StreamdeqError) as error:
        read(folder, split)
    assert "\n" not in str(error.value)
    return str(error.value)


def shapes(dataset: Dataset) -> list[tuple[str, int, tuple[int, ...]]]:
    return [(clip.name, len(clip), clip.labelled) for clip in dataset.clips]


def test_a_film_is_thirty_frames_whose_twentieth_is_labelled(films: Path) -> None:
    train = open_dataset(str(films), "train")
    assert shapes(train) == [
        ("aachen_000000_000019", 30, (19,)),
        ("aachen_000001_000019", 30, (19,)),
        ("zurich_000000_000019", 30, (19,)),
    ]
    assert {clip.fps for clip in train.clips} == {17.0}
    assert (train.name, train.task, train.classes, train.palette) == ("cityscapes", "segmentation", CLASSES, PALETTE)


def test_films_of_a_city_with_one_sequence_are_cut_by_frame_number(films: Path) -> None:
    val = open_dataset(str(films), "val")
    # frame 12 of a drive has twelve frames before it, whatever the rule says
    assert shapes(val) == [
        ("frankfurt_000000_000294", 30, (19,)),
        ("frankfurt_000000_000576", 30, (19,)),
        ("frankfurt_000001_000012", 23, (12,)),
    ]
    name = "leftImg8bit_sequence/val/frankfurt/frankfurt_000000_000275_leftImg8bit.png"
    np.testing.assert_array_equal(val.clips[0].image(0), np.asarray(Image.open(films / name)))
    assert val.clips[0].target(0) is None


def test_films_whose_frames_touch_are_still_cut_apart(films: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(films, tmp_path / "touching"))
    for number in range(294, 577):
        random_picture(root / f"leftImg8bit_sequence/val/frankfurt/frankfurt_000000_{number:06d}_leftImg8bit.png")
    assert shapes(open_dataset(str(root), "val"))[:2] == shapes(open_dataset(str(films), "val"))[:2]


def test_a_gap_in_a_film_ends_the_clip_there(films: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(films, tmp_path / "gap"))
    (root / "leftImg8bit_sequence/train/aachen/aachen_000000_000008_leftImg8bit.png").unlink()
    assert shapes(open_dataset(str(root), "train"))[0] == ("aachen_000000_000019", 21, (10,))


def test_sequences_unpacked_among_the_stills_are_films_too(films: Path, tmp_path: Path) -> None:
    root = write_cityscapes_labels(write_cityscapes(tmp_path, "leftImg8bit", range(-19, 1)))
    assert [(len(clip), clip.labelled) for clip in open_dataset(str(root), "val").clips] == [
        (20, (19,)),
        (20, (19,)),
        (13, (12,)),
    ]


def test_stills_are_clips_of_one_frame_and_serve_where_a_split_has_no_films(stills: Path, tmp_path: Path) -> None:
    assert {len(clip) for clip in open_dataset(str(stills), "val").clips} == {1}
    root = Path(shutil.copytree(stills, tmp_path / "both"))
    write_cityscapes(root, "leftImg8bit_sequence", FILM, splits=("val",))
    assert [len(clip) for clip in open_dataset(str(root), "train").clips] == [1, 1, 1]
    assert [len(clip) for clip in open_dataset(str(root), "val").clips] == [30, 30, 23]


def test_label_ids_become_train_ids_and_all_others_are_ignored(tmp_path: Path) -> None:
    root = write_cityscapes(tmp_path)
    write_cityscapes_labels(root)
    every = np.resize(np.arange(34, dtype=np.uint8), SIZE_HW)
    write(root / "gtFine/val/frankfurt/frankfurt_000000_000294_gtFine_labelIds.png", every)
    expected = np.full(34, 255, np.uint8)
    expected[list(LABEL_IDS)] = np.arange(19)
    target = open_dataset(str(root), "val").clips[0].target(0)
    np.testing.assert_array_equal(target, expected[every])


def test_train_id_files_are_read_where_there_are_no_label_ids(stills: Path, tmp_path: Path) -> None:
    root = write_cityscapes(tmp_path)
    for clip in (clip for split in ("train", "val") for clip in open_dataset(str(stills), split).clips):
        split = "val" if clip.name.startswith("frankfurt") else "train"
        city = clip.name.partition("_")[0]
        target = clip.target(0)
        assert target is not None
        write(root / f"gtFine/{split}/{city}/{clip.name}_gtFine_labelTrainIds.png", target)
    for split in ("train", "val"):
        for ours, theirs in zip(
            open_dataset(str(root), split).clips, open_dataset(str(stills), split).clips, strict=True
        ):
            np.testing.assert_array_equal(ours.target(0), theirs.target(0))


def test_train_is_divided_by_cities(stills: Path) -> None:
    fit, held = (open_dataset(str(stills), f"train-{part}") for part in ("fit", "holdout"))
    assert [clip.name for clip in fit.clips] == ["aachen_000000_000019", "aachen_000001_000019"]
    assert [clip.name for clip in held.clips] == ["zurich_000000_000019"]


def test_nothing_of_test_is_labelled(films: Path) -> None:
    assert shapes(open_dataset(str(films), "test")) == [("berlin_000000_000000", 30, ())]


def test_splits_are_those_of_which_there_is_anything(stills: Path, broken: Path) -> None:
    assert Cityscapes().splits(stills) == ("train", "train-fit", "train-holdout", "val", "test")
    for package in ("leftImg8bit", "gtFine"):
        shutil.rmtree(broken / package / "train")
    assert Cityscapes().splits(broken) == ("val", "test")


def test_what_is_missing_is_told_with_the_package_that_has_it(broken: Path) -> None:
    (broken / "leftImg8bit/val/frankfurt/frankfurt_000000_000294_leftImg8bit.png").unlink()
    text = told(broken, "val")
    assert "frankfurt_000000_000294_gtFine_labelIds.png, which is missing" in text
    assert "leftImg8bit_trainvaltest.zip" in text
    shutil.rmtree(broken / "leftImg8bit" / "val")
    assert "leftImg8bit_sequence/val or" in told(broken, "val")
    shutil.rmtree(broken / "gtFine" / "train")
    assert "gtFine_trainvaltest.zip" in told(broken, "train")
    assert "did you mean 'train'" in told(broken, "trian")


def test_a_tree_without_the_held_out_cities_says_which_they_are(broken: Path) -> None:
    shutil.rmtree(broken / "gtFine/train/zurich")
    assert "darmstadt, krefeld, zurich" in told(broken, "train-holdout")


def test_a_wrong_label_is_told_with_its_file_value_and_place(broken: Path) -> None:
    path = broken / "gtFine/val/frankfurt/frankfurt_000000_000576_gtFine_labelIds.png"
    ids = np.zeros(SIZE_HW, np.uint8)
    ids[3, 7] = 34
    write(path, ids)
    text = told(broken, "val")
    assert f"label ids 0..33 in {path}, got 34 at row 3, column 7" in text
    write(path, np.zeros((8, 8), np.uint8))
    assert "32x16, got 8x8" in told(broken, "val")


def test_a_strange_file_name_is_told(broken: Path) -> None:
    random_picture(broken / "leftImg8bit/val/frankfurt/frankfurt_1_2_leftImg8bit.png")
    assert "such as frankfurt_000000_000019_leftImg8bit.png" in told(broken, "val")


def test_miou_equals_the_authors_script_on_the_same_files(broken: Path, tmp_path: Path) -> None:
    script = pytest.importorskip("cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling")
    rng = np.random.default_rng(1)
    ours, pairs = ConfusionMatrix(len(CLASSES)), []
    to_index = np.full(256, 255)
    to_index[list(LABEL_IDS)] = np.arange(len(CLASSES))
    for path in sorted(broken.glob("gtFine/val/*/*_labelIds.png")):
        # no train (31) anywhere; bicycle (33) only where it is predicted by mistake
        truth = write(path, rng.choice(IDS[IDS < 31], SIZE_HW))
        predicted = np.where(rng.random(SIZE_HW) < 0.6, truth, rng.choice(IDS[IDS != 31], SIZE_HW))
        pairs.append((str(tmp_path / f"{path.stem}_prediction.png"), str(path)))
        write(Path(pairs[-1][0]), predicted)
    for (clip, t), (prediction, _) in zip(open_dataset(str(broken), "val").samples, pairs, strict=True):
        ours.update(to_index[np.array(Image.open(prediction))], clip.target(t))

    options = script.args
    options.quiet, options.JSONOutput, options.evalInstLevelScore = True, False, False
    theirs = script.evaluateImgLists([p for p, _ in pairs], [t for _, t in pairs], options)
    assert np.isnan(theirs["classScores"]["train"])
    assert theirs["classScores"]["bicycle"] == 0
    for number, label in enumerate(CLASSES):
        assert float(ours.iou[number]) == pytest.approx(theirs["classScores"][label], abs=1e-12, nan_ok=True)
    assert ours.miou == pytest.approx(100 * theirs["averageScoreClasses"], abs=1e-10)


def test_classes_ids_and_colours_are_the_authors() -> None:
    labels = pytest.importorskip("cityscapesscripts.helpers.labels").labels
    known = sorted((label for label in labels if not label.ignoreInEval), key=lambda label: label.trainId)
    assert tuple(label.name for label in known) == CLASSES
    assert tuple(label.id for label in known) == LABEL_IDS
    assert tuple(label.color for label in known) == PALETTE
