"""The rendered street as a data set: pure, exact, continuous, cut where asked, different in every split."""

import hashlib
import itertools
import sys

import numpy as np
import pytest
from support import forked

from streamdeq.data.base import Clip
from streamdeq.data.open import open_dataset
from streamdeq.data.synthetic.scene import CAR, CLASSES, PERSON, POLE
from streamdeq.data.synthetic.street import SPLITS, StreetFrames
from streamdeq.errors import StreamdeqError

SETTINGS = "seed=3,clips=3,frames=40,size=96x128,cuts=20"


def street(settings: str = SETTINGS, split: str = "train") -> list[Clip]:
    clips = open_dataset(f"synthetic:{settings}", split).clips
    assert all(isinstance(clip.frames, StreetFrames) for clip in clips)
    return list(clips)  # type: ignore[arg-type]


def digest(clip: Clip, t: int) -> str:
    return hashlib.sha256(clip.image(t).tobytes() + clip.target(t).tobytes()).hexdigest()


def test_a_frame_is_what_it_says() -> None:
    dataset = open_dataset("synthetic", "val")
    assert (dataset.task, dataset.split, len(dataset.classes)) == ("segmentation", "val", len(CLASSES))
    clip = dataset.clips[0]
    assert (len(dataset.clips), len(clip), clip.fps, len(clip.labelled)) == (4, 30, 15.0, 30)
    image, target = clip.image(0), clip.target(0)
    assert (image.shape, image.dtype, target.shape, target.dtype) == ((96, 128, 3), np.uint8, (96, 128), np.uint8)
    assert target.max() < len(CLASSES)
    with pytest.raises(IndexError, match="which has 30 frames"):
        clip.image(30)


def test_random_access_equals_sequential_access_equals_another_process() -> None:
    clip = street()[1]
    sequential = [digest(clip, t) for t in range(18, 23)]
    assert [digest(clip, t) for t in (22, 19, 21, 18, 20)] == [sequential[k] for k in (4, 1, 3, 0, 2)]
    code = (
        "import hashlib; from streamdeq.data.open import open_dataset;"
        f"clip = open_dataset('synthetic:{SETTINGS}', 'train').clips[1];"
        "print(hashlib.sha256(clip.image(21).tobytes() + clip.target(21).tobytes()).hexdigest())"
    )
    other = forked.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == sequential[3]


def test_splits_clips_and_seeds_share_no_street() -> None:
    frames = [digest(clip, 0) for split in SPLITS for seed in (0, 1) for clip in street(f"seed={seed},clips=3", split)]
    assert len(set(frames)) == len(frames) == len(SPLITS) * 2 * 3


def test_every_class_is_seen_and_none_is_everything() -> None:
    targets = [clip.target(t) for clip in street("seed=1,clips=6,frames=40") for t in (0, 20)]
    share = np.bincount(np.stack(targets).ravel(), minlength=len(CLASSES)) / np.stack(targets).size
    assert share.min() > 0.002
    assert share.max() < 0.5


def test_pixels_of_things_are_counted_once_and_lie_in_their_boxes() -> None:
    alone = 0
    for clip in street():
        for t in (0, 13, 27):
            target, things = clip.target(t), clip.frames.objects(t)
            for index in (CAR, PERSON, POLE):
                of_class = [thing for thing in things if thing.class_index == index]
                assert sum(thing.pixels for thing in of_class) == (target == index).sum()
            cars = [thing for thing in things if thing.class_index == CAR]
            for car in cars:
                if not any(overlap(car.box_xyxy, other.box_xyxy) for other in cars if other is not car):
                    left, top, right, bottom = (int(edge) for edge in car.box_xyxy)
                    inside = target[top:bottom, left:right] == CAR
                    assert inside.sum() == car.pixels
                    assert inside.any(axis=0)[[0, -1]].all()
                    assert inside.any(axis=1)[[0, -1]].all()
                    alone += 1
    assert alone >= 5


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_key_points_seen_lie_on_their_person() -> None:
    seen = hidden = 0
    for clip in street("seed=5,clips=4,frames=40,size=192x256"):
        for t in (0, 25):
            target = np.pad(clip.target(t), 1)
            for person in clip.frames.objects(t):
                if person.keypoints_xy is None or person.keypoints_visible is None:
                    assert person.class_index != PERSON
                    continue
                left, top, right, bottom = person.box_xyxy
                for (x, y), shown in zip(person.keypoints_xy, person.keypoints_visible, strict=True):
                    seen, hidden = seen + bool(shown), hidden + (not shown)
                    if shown:
                        assert left - 1 <= x <= right + 1
                        assert top - 1 <= y <= bottom + 1
                        assert (target[int(y) : int(y) + 3, int(x) : int(x) + 3] == PERSON).any()
    assert seen > 300
    assert hidden > 30


def test_edges_of_the_labels_are_edges_of_the_image() -> None:
    clip = street("seed=2,clips=1,size=192x256")[0]
    grey, target = clip.image(4).astype(float).mean(axis=2), clip.target(4)
    steps = np.abs(np.diff(grey, axis=1))
    edges = target[:, 1:] != target[:, :-1]
    scores = {shift: steps[:, 4:-4][np.roll(edges, shift, axis=1)[:, 4:-4]].mean() for shift in (-3, -1, 0, 1, 3)}
    assert scores[0] == max(scores.values())
    assert scores[0] > 2 * max(scores[-3], scores[3])


def test_frames_follow_each_other_smoothly_and_break_at_a_cut() -> None:
    for clip in street():
        images = [clip.image(t).astype(np.float32) for t in range(15, 26)]
        steps = np.array([np.abs(b - a).mean() for a, b in itertools.pairwise(images)])
        at_cut = steps[4]
        within = np.delete(steps, 4)
        assert within.min() > 1.0
        assert at_cut > 2 * within.max()
        labels = [clip.target(t) for t in (18, 19, 20)]
        assert (labels[0] != labels[1]).mean() < 0.12
        assert (labels[1] != labels[2]).mean() > 2 * (labels[0] != labels[1]).mean()


def test_things_keep_their_number_and_move_little() -> None:
    followed = 0
    for clip in street():
        before = {thing.instance: thing for thing in clip.frames.objects(8)}
        for thing in clip.frames.objects(9):
            if thing.class_index not in (CAR, PERSON) or thing.pixels < 30:
                continue
            old = before[thing.instance]
            assert old.class_index == thing.class_index
            assert abs(old.depth_m - thing.depth_m) < 30 / clip.fps
            followed += 1
    assert followed >= 10


def test_a_cut_changes_all_that_follows_and_nothing_before() -> None:
    plain, cut = street("seed=3,clips=1,frames=40")[0], street("seed=3,clips=1,frames=40,cuts=20+30")[0]
    assert cut.frames.cuts == (20, 30)
    assert digest(plain, 19) == digest(cut, 19)
    assert digest(plain, 20) != digest(cut, 20)
    shots = [{thing.instance for thing in cut.frames.objects(t)} for t in (19, 20, 30)]
    assert not (shots[0] & shots[1])
    assert not (shots[1] & shots[2])


@pytest.mark.parametrize("size_hw", [(16, 16), (97, 131), (160, 90), (48, 400)])
def test_any_size_is_rendered(size_hw: tuple[int, int]) -> None:
    (clip,) = street(f"clips=1,size={size_hw[0]}x{size_hw[1]}")
    assert clip.image(0).shape == (*size_hw, 3)
    assert clip.target(0).shape == size_hw
    assert len(np.unique(clip.target(0))) >= 3


def test_a_clip_has_no_end() -> None:
    (clip,) = street("clips=1,frames=1000001")
    late = clip.target(1_000_000)
    assert len(np.unique(late)) >= 5
    assert 0 < (late != clip.target(999_999)).mean() < 0.2


def test_boxes_are_around_what_is_seen_of_cars_and_people() -> None:
    settings = "seed=3,clips=1,frames=5,size=96x128"
    boxed = open_dataset(f"synthetic:{settings},labels=boxes", "val")
    assert (boxed.task, boxed.classes) == ("detection", ("car", "person"))
    [pixels], [clip] = open_dataset(f"synthetic:{settings}", "val").clips, boxed.clips
    target, seen = clip.target(2), {thing.instance: thing for thing in pixels.frames.objects(2)}
    assert len(target) == sum(thing.class_index in (CAR, PERSON) for thing in seen.values())
    for box, label, ignore, instance in zip(
        target.xyxy, target.labels, target.ignore, target.instances.tolist(), strict=True
    ):
        thing = seen[instance]
        assert tuple(box) == thing.box_xyxy
        assert (CAR, PERSON)[label] == thing.class_index
        assert ignore == (min(box[2] - box[0], box[3] - box[1]) < 4)
    assert 0 < target.ignore.sum() < len(target)
    np.testing.assert_array_equal(clip.image(2), pixels.image(2))
    with pytest.raises(StreamdeqError, match="unknown kind of labels 'box'; did you mean 'boxes'"):
        open_dataset("synthetic:labels=box", "val")
