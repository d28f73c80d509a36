"""ImageNet-VID and DET in the layout of ILSVRC2015."""

from pathlib import Path

import numpy as np
import pytest
from box_trees import picture

from streamdeq.data.check import check
from streamdeq.data.imagenet_vid import CLASSES
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError

DOG, CAR, SOFA = "n02084071", "n02958343", "n04256520"


def write_xml(path: Path, *objects: tuple[str, int, tuple[float, float, float, float]]) -> None:
    found = "".join(
        f"\n<object><trackid>{track}</trackid><name>{name}</name><bndbox><xmax>{box[2]}</xmax><xmin>{box[0]}</xmin>"
        f"<ymax>{box[3]}</ymax><ymin>{box[1]}</ymin></bndbox><occluded>0</occluded><generated>0</generated></object>"
        for name, track, box in objects
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"<annotation>\n<folder>x</folder><size><width>32</width><height>24</height></size>{found}\n</annotation>"
    )


def write_vid(root: Path) -> Path:
    """One snippet of 31 frames to train on, one of 4 to validate, and two DET pictures."""
    for part, snippet, count in (
        ("train/ILSVRC2015_VID_train_0000", "ILSVRC2015_train_00000000", 31),
        ("val", "ILSVRC2015_val_00000000", 4),
        ("test", "ILSVRC2015_test_00000000", 2),
    ):
        for t in range(count):
            picture(root / f"Data/VID/{part}/{snippet}/{t:06d}.JPEG", t)
            if part != "test":
                objects = [(DOG, 0, (t % 8, 4.0, t % 8 + 8.0, 20.0))] if t != 2 else []
                write_xml(root / f"Annotations/VID/{part}/{snippet}/{t:06d}.xml", *objects)
    for name, kind in (("n02084071_1", DOG), ("n04256520_1", SOFA)):
        picture(root / f"Data/DET/train/ILSVRC2013_train/{kind}/{name}.JPEG")
        write_xml(root / f"Annotations/DET/train/ILSVRC2013_train/{kind}/{name}.xml", (kind, 0, (1, 1, 9, 9)))
    return root


def test_one_of_fifteen_frames_is_trained_on_and_pictures_of_the_classes(tmp_path: Path):
    write_vid(tmp_path / "ILSVRC2015")
    dataset = open_dataset(str(tmp_path), "train")
    film, still = dataset.clips
    assert (dataset.task, dataset.classes) == ("detection", CLASSES)
    assert (film.name, len(film), film.labelled) == ("ILSVRC2015_train_00000000", 31, (0, 15, 30))
    assert film.target(15).xyxy.tolist() == [[7, 4, 15, 20]]
    assert film.target(14) is None
    assert (still.name, len(still), CLASSES[still.target(0).labels[0]]) == ("n02084071_1", 1, "dog")
    assert len(open_dataset(str(tmp_path), "train-all").clips[0].labelled) == 31


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
