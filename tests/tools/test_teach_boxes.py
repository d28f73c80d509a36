"""Boxes that two detectors agree on: the rule, the decoding of their answers, and the file that is written."""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from streamdeq.data.open import open_dataset

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/teach"))
import label_boxes
from agree import Agreement, agreed
from detectors import ALL, BINS, NUMBERS, SIDE, Found, decoded, grid

RULE = Agreement(iou=0.6, mean=0.45, each=0.3, sure=0.5)
PERSON, CAR, DOG = 0, 2, 6


def found(*objects: tuple[tuple[float, float, float, float], int, float]) -> Found:
    boxes, labels, scores = zip(*objects, strict=True) if objects else ((), (), ())
    return Found(np.array(boxes, np.float32).reshape(-1, 4), np.array(labels, np.int64), np.array(scores, np.float32))


def test_what_both_see_is_a_label_whose_box_is_the_mean_by_their_scores():
    first, second = found(((0, 0, 10, 20), PERSON, 0.9)), found(((0, 0, 10, 16), PERSON, 0.3))
    known, doubtful = agreed(first, second, RULE)
    np.testing.assert_allclose(known.xyxy, [[0, 0, 10, 0.75 * 20 + 0.25 * 16]], rtol=1e-6)
    np.testing.assert_allclose(known.scores, [0.6], rtol=1e-6)
    assert len(doubtful) == 0


def test_what_one_is_sure_of_alone_is_doubtful_and_a_guess_is_nothing():
    first = found(((0, 0, 10, 20), PERSON, 0.9), ((30, 0, 40, 20), PERSON, 0.4))
    known, doubtful = agreed(first, found(((50, 0, 60, 20), CAR, 0.6)), RULE)
    assert len(known) == 0
    assert doubtful.labels.tolist() == [PERSON, CAR]
    both_guess, nothing = agreed(found(((0, 0, 9, 9), CAR, 0.4)), found(((0, 0, 9, 9), CAR, 0.4)), RULE)
    assert (len(both_guess), len(nothing)) == (0, 0)


def test_another_class_is_no_agreement_and_the_same_thing_told_twice_no_doubt():
    first = found(((0, 0, 10, 20), PERSON, 0.9), ((0, 0, 10, 19), DOG, 0.6))
    known, doubtful = agreed(first, found(((0, 0, 10, 20), PERSON, 0.8)), RULE)
    assert (known.labels.tolist(), len(doubtful)) == ([PERSON], 0)
    known, doubtful = agreed(found(((0, 0, 10, 20), CAR, 0.9)), found(((0, 0, 10, 20), DOG, 0.9)), RULE)
    assert (len(known), doubtful.labels.tolist()) == (0, [CAR, DOG])


def test_the_best_overlap_makes_the_pair_and_a_box_is_in_one():
    first = found(((0, 0, 10, 20), PERSON, 0.8), ((1, 0, 11, 20), PERSON, 0.8))
    known, doubtful = agreed(first, found(((1, 0, 11, 20), PERSON, 0.8)), RULE)
    np.testing.assert_allclose(known.xyxy, [[1, 0, 11, 20]])
    assert len(doubtful) == 0  # the other lies on it


def test_a_box_is_read_off_a_point_and_four_distributions():
    points, strides = grid(0.5)
    assert (len(points), points[53].tolist(), strides[-1]) == (52**2 + 26**2 + 13**2 + 7**2, [11.5, 11.5], 64)
    scores = np.zeros((len(points), ALL), np.float32)
    sides = np.zeros((len(points), 4 * BINS), np.float32)
    scores[53, NUMBERS[DOG]], scores[54, NUMBERS[DOG]], scores[60, 79] = 0.9, 0.8, 0.9  # the last is no class of ours
    sides[53].reshape(4, BINS)[range(4), [1, 1, 2, 3]] = 50
    sides[54].reshape(4, BINS)[range(4), [2, 1, 1, 3]] = 50  # the same, from the next point
    told = decoded(scores, sides, centre=0.5, size_hw=(SIDE, 2 * SIDE))
    np.testing.assert_allclose(told.xyxy, [[7, 3.5, 55, 35.5]], rtol=1e-5)
    assert (told.labels.tolist(), told.scores.tolist()) == ([DOG], [np.float32(0.9)])


class Detector:
    """Sees a person in every bright picture, and a dog in the brightest."""

    name = "stub"

    def __init__(self, dogs: bool) -> None:
        self.dogs, self.asked = dogs, 0

    def __call__(self, image: np.ndarray) -> Found:
        self.asked += 1
        seen = [((2, 2, 12, 22), PERSON, 0.8)] if image.mean() > 50 else []
        return found(*seen, *([((20, 2, 30, 22), DOG, 0.8)] if self.dogs and image.mean() > 150 else []))


def test_pictures_with_doubts_are_left_out_and_peoples_own_boxes_stay(tmp_path: Path):
    for name, light in (("loose/dark", 0), ("loose/bright", 100), ("loose/dog", 200), ("film/1", 200), ("film/2", 100)):
        file = tmp_path / f"{name}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((32, 40, 3), light, np.uint8)).save(file)
    image = {"width": 40, "height": 32, "video_id": 7}
    film = {
        "videos": [{"id": 7, "name": "film", "fps": 5, "width": 40, "height": 32}],
        "categories": [{"id": 3, "name": "person"}],
        "images": [image | {"id": k, "frame_id": k - 1, "file_name": f"film/{k}.png"} for k in (1, 2)],
        "annotations": [{"id": 1, "image_id": 2, "category_id": 3, "bbox": [1, 1, 5, 9], "area": 45, "iscrowd": 0}],
    }
    (tmp_path / "film.json").write_text(json.dumps(film))
    (out := tmp_path / "out").mkdir()
    both = Detector(dogs=True), Detector(dogs=False)
    for _ in range(2):  # the second time nobody is asked
        teachers, labels = label_boxes.Teachers(both, out / label_boxes.ANSWERS), label_boxes.Labels(out)
        for videos, pictures in label_boxes.sources([tmp_path / "loose", tmp_path / "film.json"]):
            films = {video["id"]: labels.film(video) for video in videos}
            for picture in pictures:
                film_id = films.get(picture.entry.get("video_id"))
                labels.add(picture, film_id, *agreed(*teachers.ask(picture.file), RULE))
        labels.write("train.json")
    assert both[0].asked == 5
    assert labels.count == {
        "left out": 1, "pictures": 4, "person, agreed": 1, "person, by people": 1, "dog, doubtful, ignored": 1
    }  # fmt: skip
    dataset = open_dataset(str(out), "train", allow_outside=True)
    assert sorted((clip.name, len(clip)) for clip in dataset.clips)[-1] == ("film", 2)
    targets = {clip.place(t)[0].name: clip.target(t) for clip, t in dataset.samples}
    assert targets["bright.png"].xyxy.tolist() == [[2, 2, 12, 22]]
    assert (targets["1.png"].labels.tolist(), targets["1.png"].ignore.tolist()) == ([DOG], [True])
    assert targets["2.png"].xyxy.tolist() == [[1, 1, 6, 10]]
    assert len(targets["dark.png"]) == 0
