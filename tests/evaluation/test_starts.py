"""Protocols of the paper in `evaluate`, on a model whose answer tells which frames it has seen how often.

A reference takes two applications here, so that a frame's number stands twice in a row where it was solved to it.
"""

import re
from dataclasses import replace

import pytest
from support.history_model import CLIPS, SPEC, HistoryModel, Reading, numbered, numbered_clip
from support.small_models import StubModel

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.plan import Draw, Sample
from streamdeq.evaluation.protocol.run import Job, count_steps, evaluate
from streamdeq.evaluation.protocol.score import Condition, Mode
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.models.spec import ReferenceSolve
from streamdeq.streaming.options import StartFrom


def model() -> StubModel:
    return StubModel(HistoryModel(), replace(SPEC, reference=ReferenceSolve("picard", 2)), Reading(), stride=4)


def seen(settings: Settings, offset: int) -> list[str]:
    """By sample: frames 4 and 6 of the first clip, 1 and 2 of the second, whose frames are 7, 8, 9, 1, 2."""
    score = evaluate(model(), CLIPS, settings).scores[Condition(Mode.STREAMING, 1, offset)]
    return [piece.seen[0][1] for piece in score.pieces.values()]


EXPECTED = {
    (StartFrom.PREVIOUS, 0): ["4", "6", "1", "2"],
    (StartFrom.PREVIOUS, 3): ["1234", "3456", "7891", "8912"],
    (StartFrom.ZEROS, 3): ["4", "6", "1", "2"],
    (StartFrom.REFERENCE, 0): ["44", "66", "11", "22"],
    (StartFrom.REFERENCE, 1): ["334", "556", "991", "112"],
    (StartFrom.REFERENCE, 3): ["11234", "33456", "77891", "88912"],
    (StartFrom.REFERENCE_EACH, 0): ["44", "66", "11", "22"],
    (StartFrom.REFERENCE_EACH, 1): ["334", "556", "991", "112"],
    (StartFrom.REFERENCE_EACH, 3): ["334", "556", "991", "112"],
}


@pytest.mark.parametrize("batch", [1, 3, 8])
@pytest.mark.parametrize(("start", "offset"), list(EXPECTED))
def test_streams_start_where_the_protocol_says(start: StartFrom, offset: int, batch: int):
    assert seen(Settings((1,), (0, 1, 3), batch=batch, start=start), offset) == EXPECTED[start, offset]


@pytest.mark.parametrize("offset", [0, 3])
def test_the_other_start_shows_a_frame_of_another_film_first_and_the_same_one_for_the_same_seed(offset: int):
    found = {batch: seen(Settings((1,), (0, 3), batch=batch, start=StartFrom.OTHER), offset) for batch in (1, 8)}
    assert found[1] == found[8]
    own = ["1234", "3456", "7891", "8912"]
    for digits, frames, others in zip(found[1], own, ["78912", "78912", "123456", "123456"], strict=True):
        match = re.fullmatch(r"(\d)\1(\d*)", digits)
        assert match
        assert match[1] in others
        assert match[2] == (frames if offset else frames[-1])
    seeds = {tuple(seen(Settings((1,), (0, 3), start=StartFrom.OTHER, seed=seed), offset)) for seed in range(6)}
    assert len(seeds) > 1


def test_the_other_start_can_be_of_another_data_set():
    settings = Settings((1,), (0,), start=StartFrom.OTHER, start_from="synthetic:clips=1,frames=2,size=16x24")
    job = Job(model(), CLIPS, settings)
    how = job._streaming()
    assert how.before is not None
    assert how.before(job.plan.chains[0]).shape == (16, 24, 3)


def test_without_another_film_there_is_none_to_start_from():
    alone = numbered(numbered_clip("a", (1, 2, 3), (2,)))
    with pytest.raises(StreamdeqError, match="another film"):
        evaluate(model(), alone, Settings((1,), (0,), start=StartFrom.OTHER))


@pytest.mark.parametrize("start", list(StartFrom))
def test_progress_is_told_as_many_steps_as_were_announced_whatever_the_start(start: StartFrom):
    steps: list[int] = []
    settings = Settings((1, 2), (0, 1, 3), batch=3, start=start, continuous=True)
    evaluate(model(), CLIPS, settings, lambda: steps.append(1))
    assert len(steps) == count_steps(model(), CLIPS, settings)


def test_the_count_of_the_description_is_among_the_single_frames():
    described = replace(SPEC, reference=ReferenceSolve("picard", 13))
    job = Job(StubModel(HistoryModel(), described, Reading(), stride=4), CLIPS, Settings((3,), (0,)))
    assert job.counts == (1, 2, 3, 4, 8, 13, 14, 20, 27)


@pytest.mark.parametrize(("population", "frames"), [(None, 4), ("common", 4), ("all", 8)])
def test_the_population_is_what_is_asked_for(population, frames: int):
    job = Job(model(), CLIPS, Settings((1,), (0, 3), population=population))
    assert len(job.plan.samples) == frames


def test_a_draw_takes_so_many_clips_and_frames_and_the_same_frames_whichever_clips():
    samples = [Sample(clip, t) for clip in range(20) for t in range(10)]
    some = Draw(clips=5, frames=3, seed=1)(samples)
    assert len(some) == 15
    assert len({sample.clip for sample in some}) == 5
    assert list(some) == sorted(some)
    assert some == Draw(clips=5, frames=3, seed=1)(samples)
    assert some != Draw(clips=5, frames=3, seed=2)(samples)
    of_all = Draw(frames=3, seed=1)(samples)
    assert set(some) <= set(of_all)
    assert Draw()(samples) == tuple(samples)
    assert len(Draw(clips=50)(samples)) == 200


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clips": 0}, "clips: expected at least 1, got 0"),
        ({"seed": -1}, "seed: expected at least 0"),
        ({"start": "first"}, "unknown start 'first'"),
        ({"population": "most"}, "unknown population 'most'"),
        ({"start_from": "synthetic"}, "--start-from goes with the start 'other'"),
    ],
)
def test_settings_of_a_protocol_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(StreamdeqError, match=message):
        Settings(**settings)
