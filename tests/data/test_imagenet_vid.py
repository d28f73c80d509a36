"""ImageNet-VID and DET in the layout of ILSVRC2015."""

from pathlib import Path

import numpy as np
import pytest
from support.box_trees import DOG, SOFA, picture, write_vid, write_xml

from streamdeq.data.check import check
from streamdeq.data.open import open_dataset
from streamdeq.data.readers.imagenet_vid import CLASSES, evenly
from streamdeq.errors import StreamdeqError


@pytest.mark.parametrize("folder", ["ILSVRC2015", "ILSVRC", "."])
def test_fifteen_frames_of_a_film_are_trained_on_evenly_and_pictures_of_the_classes(tmp_path: Path, folder: str):
    write_vid(tmp_path / folder)
    dataset = open_dataset(str(tmp_path), "train")
    film, still = dataset.clips
    assert (dataset.task, dataset.classes) == ("detection", CLASSES)
    assert (film.name, len(film)) == ("ILSVRC2015_train_00000000", 31)
    assert film.labelled == (1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29)
    assert film.target(15).xyxy.tolist() == [[7, 4, 15, 20]]
    assert film.target(14) is None
    assert (still.name, len(still), CLASSES[still.target(0).labels[0]]) == ("n02084071_1", 1, "dog")
    assert len(open_dataset(str(tmp_path), "train-all").clips[0].labelled) == 31


def test_frames_are_even_as_in_the_published_list():
    assert evenly(15, 300) == tuple(range(10, 300, 20))
    assert evenly(15, 55)[3] == 12
    assert evenly(15, 9) == tuple(range(9))


def test_the_published_lists_say_what_is_trained_on(tmp_path: Path):
    root = write_vid(tmp_path / "ILSVRC")
    (root / "ImageSets").mkdir()
    film = "train/ILSVRC2015_VID_train_0000/ILSVRC2015_train_00000000"
    (root / "ImageSets/VID_train_15frames.txt").write_text(f"{film} 1 4 31\n{film} 1 20 31\n")
    (root / "ImageSets/DET_train_30classes.txt").write_text(f"train/ILSVRC2013_train/{SOFA}/n04256520_1 1\n")
    film, still = open_dataset(str(tmp_path), "train").clips
    assert film.labelled == (4, 20)
    assert (still.name, len(still.target(0)), still.image(0).shape) == ("n04256520_1", 0, (24, 32, 3))
    (root / "ImageSets/VID_train_15frames.txt").write_text("train/a 1 x 31\n")
    with pytest.raises(
        StreamdeqError, match=r"expected FOLDER 1 FRAME FRAMES in .*frames.txt, line 1, got 'train/a 1 x"
    ):
        open_dataset(str(tmp_path), "train")


def test_every_frame_is_validated_on_with_motion_and_the_test_has_no_labels(tmp_path: Path):
    write_vid(tmp_path)
    [film] = open_dataset(str(tmp_path), "val").clips
    assert film.labelled == (0, 1, 2, 3)
    assert film.image(3).shape == (24, 32, 3)
    assert len(film.target(2)) == 0
    np.testing.assert_allclose(film.target(0).motion, [(7 / 9 + 5 / 11) / 2], rtol=1e-6)
    [test] = open_dataset(str(tmp_path), "test").clips
    assert test.labelled == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotation>\n<size", "expected XML in .*000001.xml, line 2"),
        ("<annotation><size><width>w</width></size></annotation>", "expected a number as size/width in .*000001.xml"),
    ],
)
def test_broken_annotations_are_refused_with_their_file(tmp_path: Path, text: str, message: str):
    write_vid(tmp_path)
    path = tmp_path / "Annotations/VID/val/ILSVRC2015_val_00000000/000001.xml"
    path.write_text(text)
    with pytest.raises(StreamdeqError, match=message):
        open_dataset(str(tmp_path), "val").clips[0].target(1)
    assert len(check(tmp_path).problems) >= 1


def test_boxes_that_are_none_are_refused_with_their_place(tmp_path: Path):
    write_vid(tmp_path)
    path = tmp_path / "Annotations/VID/val/ILSVRC2015_val_00000000/000001.xml"
    write_xml(path, (SOFA, 0, (0, 0, 1, 1)), (DOG, 0, (9, 1, 4, 9)))
    with pytest.raises(StreamdeqError, match=r"height of at least 0 in .*000001\.xml, object 2, got -5 x 8"):
        open_dataset(str(tmp_path), "val").clips[0].target(1)


def test_data_check_knows_it(tmp_path: Path):
    report = check(write_vid(tmp_path))
    assert (report.layout, report.unit, report.problems) == ("ImageNet-VID", "boxes", ())
    assert any("val: 4 of 176126 labelled frames" in line for line in report.missing)


def test_a_snippet_without_annotations_is_refused(tmp_path: Path):
    write_vid(tmp_path)
    picture(tmp_path / "Data/VID/val/ILSVRC2015_val_00000001/000000.JPEG")
    with pytest.raises(StreamdeqError, match=r"expected the annotations of .*val_00000001"):
        open_dataset(str(tmp_path), "val")
