"""Which frames are scored and which streams are run for them."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.open import open_dataset
from streamdeq.data.targets import Lazy
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.frames import FrameCache
from streamdeq.evaluation.protocol.plan import (
    Chain,
    Read,
    Sample,
    continuous_chains,
    make_plan,
    usual_offsets,
)
from streamdeq.evaluation.protocol.settings import USUAL_OFFSETS


@dataclass(frozen=True)
class GreyFrames:
    """Frames of (6, 8) that count how often they were decoded."""

    count: int
    decoded: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return self.count

    def read(self, t: int) -> np.ndarray:
        self.decoded.append(t)
        return np.full((6, 8, 3), t, np.uint8)

    def place(self, t: int) -> None:
        return None


def clip(frames: int, labelled: tuple[int, ...], label_hw: tuple[int, int] = (6, 8)) -> Clip:
    return Clip("grey", 4.0, GreyFrames(frames), Lazy(labelled, lambda t: np.zeros(label_hw, np.uint8)))


def decoded(clip: Clip) -> list[int]:
    assert isinstance(clip.frames, GreyFrames)
    return clip.frames.decoded


def dataset(*clips: Clip) -> Dataset:
    return Dataset("greys", "segmentation", "val", ("a",), ((0, 0, 0),), clips, "")


def test_one_stream_serves_every_offset_on_its_way():
    plan = make_plan(dataset(clip(4, (0, 1, 2, 3))), (0, 2))
    assert plan.samples == (Sample(0, 2), Sample(0, 3))
    at_0, at_2 = (Read(0, 0),), (Read(2, 2),)
    assert plan.chains == (Chain(0, 0, at_2), Chain(0, 1, at_2), Chain(0, 2, at_0), Chain(0, 3, at_0))


def test_the_usual_offsets_are_those_that_the_films_have():
    assert usual_offsets(dataset(clip(30, (20,)), clip(3, (0,)))) == USUAL_OFFSETS
    films = dataset(clip(30, (19,)), clip(30, (19,)), clip(23, (12,)))  # Cityscapes
    assert usual_offsets(films) == (0, 1, 2, 5, 10, 19)
    assert [sample.clip for sample in make_plan(films, usual_offsets(films)).samples] == [0, 1]
    assert usual_offsets(dataset(clip(6, (5,)))) == (0, 1, 2, 5)
    assert usual_offsets(dataset(clip(1, (0,)))) == (0,)
    assert usual_offsets(dataset(clip(5, ()))) == USUAL_OFFSETS


def test_a_stream_ends_at_the_last_frame_that_is_scored():
    plan = make_plan(dataset(clip(30, (20,))), (0, 1, 20))
    assert [(chain.start, chain.frames) for chain in plan.chains] == [(0, 21), (19, 2), (20, 1)]


def test_labelled_frames_too_near_to_the_start_of_their_clip_are_left_out():
    plan = make_plan(dataset(clip(3, (0, 1, 2)), clip(9, (1, 5, 8))), (0, 5))
    assert plan.samples == (Sample(1, 5), Sample(1, 8))


def test_where_early_frames_count_they_are_scored_at_every_offset_after_all_that_there_is():
    plan = make_plan(dataset(clip(3, (1, 2))), (0, 1, 20), early=True)
    assert plan.samples == (Sample(0, 1), Sample(0, 2))
    assert plan.chains == (
        Chain(0, 0, (Read(1, 1), Read(1, 20), Read(2, 20))),
        Chain(0, 1, (Read(0, 0), Read(1, 1))),
        Chain(0, 2, (Read(0, 0),)),
    )


def test_a_continuous_stream_runs_through_its_clip_from_the_first_frame():
    chains = continuous_chains((Sample(0, 3), Sample(0, 8), Sample(2, 0)))
    assert chains == (Chain(0, 0, (Read(3, None), Read(8, None))), Chain(2, 0, (Read(0, None),)))
    assert [chain.frames for chain in chains] == [9, 1]


def test_clips_too_short_for_the_offsets_say_how_long_they_are():
    with pytest.raises(StreamdeqError) as error:
        make_plan(dataset(clip(7, (2, 4)), clip(3, (0,))), (0, 5))
    assert str(error.value) == (
        "expected a labelled frame with at least 5 frames before it, the largest offset, in split 'val' of greys; "
        "the longest clip has 7 frames and the most before a labelled one is 4; use smaller --offsets"
    )


def test_a_split_without_labels_is_refused():
    with pytest.raises(StreamdeqError, match="expected labelled frames in split 'val' of greys, found none"):
        make_plan(dataset(clip(7, ())), (0,))


def test_single_pictures_are_all_scored_and_not_streamed():
    plan = make_plan(dataset(clip(1, (0,)), clip(1, (0,))), (0, 20))
    assert (plan.samples, plan.chains) == ((Sample(0, 0), Sample(1, 0)), ())
    assert "no video" in plan.note


@pytest.mark.shared
def test_camvids_validation_split_is_81_frames_with_20_before_them(shared_dir: Path):
    plan = make_plan(open_dataset(str(shared_dir / "data" / "camvid"), "val"), (0, 1, 2, 5, 10, 20))
    assert [sample.t for sample in plan.samples] == list(range(20, 101))
    # One chain from every frame; the last of them end with the clip.
    assert len(plan.chains) == 101
    assert sum(chain.frames for chain in plan.chains) == 81 * 21 + 10 * 11 + 5 * 6 + 3 * 3 + 2 + 1
    assert sum(len(chain.reads) for chain in plan.chains) == 81 * 6


# -- pictures ----------------------------------------------------------------------------------------------


def test_a_frame_carries_its_number_and_time_and_is_decoded_once():
    frames = FrameCache([grey := clip(5, (3,))])
    frame = frames.frame(Sample(0, 3))
    assert (frame.index, frame.time_s, frame.image[0, 0, 0]) == (3, 0.75, 3)
    frames.frame(Sample(0, 3))
    frames.target(Sample(0, 3))
    assert decoded(grey) == [3]


def test_memory_is_bounded_and_the_frame_not_asked_for_longest_goes_first():
    frames = FrameCache([grey := clip(5, ())], limit_bytes=2 * 6 * 8 * 3)
    for t in (0, 1, 0, 2, 0, 1):
        frames.frame(Sample(0, t))
    assert decoded(grey) == [0, 1, 2, 1]


def test_a_frame_larger_than_the_memory_is_still_had():
    frames = FrameCache([clip(5, ())], limit_bytes=1)
    assert frames.frame(Sample(0, 4)).image[0, 0, 0] == 4


def test_labels_of_another_size_than_their_picture_are_refused():
    frames = FrameCache([clip(5, (3,), label_hw=(3, 4))])
    message = "labels of frame 3 of clip 'grey' to have the size of its picture, 8x6, got 4x3"
    with pytest.raises(StreamdeqError, match=message):
        frames.target(Sample(0, 3))
