"""The streaming protocol: which frames an answer has seen, the same frames in every figure, batched = one by one."""

from dataclasses import replace

import pytest
import torch
from support.history_model import CLIPS, POISON, SPEC, Reading, double_model, history_model, numbered, numbered_clip

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.plan import Sample
from streamdeq.evaluation.protocol.report import make_notes
from streamdeq.evaluation.protocol.rows import make_rows
from streamdeq.evaluation.protocol.run import check_classes, count_steps, evaluate
from streamdeq.evaluation.protocol.score import Condition, Mode
from streamdeq.evaluation.protocol.settings import SINGLE_FRAME, Settings


class EarlyReading(Reading):
    counts_early = True


SAMPLES = (Sample(0, 3), Sample(0, 5), Sample(1, 3), Sample(1, 4))


@pytest.mark.parametrize("batch", [1, 2, 3, 8])
@pytest.mark.parametrize("iterations", [1, 2])
def test_an_answer_at_offset_t_has_seen_its_frame_and_the_t_before_and_nothing_else(batch, iterations):
    evaluation = evaluate(history_model(), CLIPS, Settings((iterations,), (0, 1, 3), batch=batch))
    for offset in (0, 1, 3):
        score = evaluation.scores[Condition(Mode.STREAMING, iterations, offset)]
        for sample in SAMPLES:
            clip = CLIPS.clips[sample.clip]
            shown = [int(clip.image(t)[0, 0, 0]) for t in range(sample.t - offset, sample.t + 1)]
            digits = "".join(str(number) * iterations for number in shown)
            assert score.pieces[sample].seen == [(f"{clip.name}{sample.t}", digits)]
        assert score.nfe == iterations


def test_where_early_frames_count_each_has_seen_what_there_is_before_it():
    evaluation = evaluate(history_model(EarlyReading()), CLIPS, Settings((1,), (0, 3), batch=3))
    score = evaluation.scores[Condition(Mode.STREAMING, 1, 3)]
    assert [piece.seen[0][1] for piece in score.pieces.values()] == [
        "12",
        "1234",
        "3456",
        "7",
        "78",
        "789",
        "7891",
        "8912",
    ]


def test_a_continuous_stream_has_seen_its_whole_clip():
    settings = Settings((2,), (0, 1), batch=3, continuous=True)
    steps = []
    evaluation = evaluate(history_model(), CLIPS, settings, lambda: steps.append(1))
    score = evaluation.scores[Condition(Mode.CONTINUOUS, 2)]
    seen = {sample: piece.seen[0][1] for sample, piece in score.pieces.items()}
    assert (seen[Sample(0, 5)], seen[Sample(1, 2)]) == ("112233445566", "778899")
    assert list(seen) == list(evaluation.plan.samples)
    assert len(steps) == count_steps(history_model(), CLIPS, settings)


def test_a_single_frame_is_solved_from_zeros_at_every_count():
    evaluation = evaluate(history_model(), CLIPS, Settings((3,), (0, 3)))
    counts = [condition.iterations for condition in evaluation.scores if condition.mode is Mode.SINGLE]
    assert counts == sorted({*SINGLE_FRAME, 3})
    for count in (1, 2, 3, 4, 8, 14):  # float64 holds 15 digits
        score = evaluation.scores[Condition(Mode.SINGLE, count)]
        assert [piece.seen[0][1] for piece in score.pieces.values()] == [digit * count for digit in "4612"]
        assert score.nfe == count


def test_every_figure_is_about_the_same_frames_in_the_same_order():
    evaluation = evaluate(history_model(), CLIPS, Settings((1, 2), (3, 0, 1), batch=3))
    assert evaluation.plan.samples == SAMPLES
    streamed = [(c.iterations, c.offset) for c in evaluation.scores if c.mode is Mode.STREAMING]
    assert streamed == [(1, 3), (1, 0), (1, 1), (2, 3), (2, 0), (2, 1)]
    for score in evaluation.scores.values():
        assert tuple(score.pieces) == SAMPLES
        pieces = [seen for piece in score.pieces.values() for seen in piece.seen]
        assert sorted(score.total.seen) == sorted(pieces)


def test_progress_is_told_as_many_steps_as_were_announced():
    steps = []
    settings = Settings((1, 2), (0, 1, 3), batch=3)
    evaluate(history_model(), CLIPS, settings, lambda: steps.append(1))
    assert len(steps) == count_steps(history_model(), CLIPS, settings)


def test_single_pictures_have_no_streaming_rows_and_a_line_says_why():
    pictures = numbered(numbered_clip("a", (1,), (0,)), numbered_clip("b", (2,), (0,)))
    evaluation = evaluate(history_model(), pictures, Settings())
    assert {condition.mode for condition in evaluation.scores} == {Mode.SINGLE}
    assert make_notes(evaluation, make_rows(evaluation, 0)) == (
        "split 'val' of numbers has single pictures only, no video: nothing to stream",
    )


def test_a_solve_that_breaks_down_is_counted_and_its_stream_goes_on():
    clips = numbered(numbered_clip("a", (1, POISON, 3), (2,)), numbered_clip("b", (4, 5, POISON), (2,)))
    evaluation = evaluate(history_model(), clips, Settings((1,), (0, 2)))
    score = evaluation.scores[Condition(Mode.STREAMING, 1, 2)]
    # After frame 1 of clip a broke down, frame 2 starts from zeros; in clip b the scored frame itself breaks down.
    assert [piece.seen[0][1] for piece in score.pieces.values()] == ["3", "45"]
    assert score.failed == 1
    failed = sum(score.failed for score in evaluation.scores.values())
    assert make_notes(evaluation, make_rows(evaluation, 0)) == (
        f"{failed} of the scored answers come from solves that met a non-finite value",
    )


# -- with a real network -----------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["picard", "broyden"])
def test_batched_equals_one_stream_after_another(solver):
    model, street = double_model()
    evaluation = evaluate(model, street, Settings((1, 2), (0, 1, 3), solver, batch=5))
    assert evaluation.plan.samples == (Sample(0, 3), Sample(0, 4), Sample(1, 3), Sample(1, 4))
    for condition, score in evaluation.scores.items():
        if condition.iterations > 2:
            continue  # the long single-frame solves: the same again, only slower
        total = model.task.metric()
        for sample, piece in score.pieces.items():
            clip, alone = street.clips[sample.clip], model.task.metric()
            with model.stream(condition.iterations, solver=solver) as stream:
                results = [stream(clip.image(t)) for t in range(sample.t - (condition.offset or 0), sample.t + 1)]
            for metric in (alone, total):
                metric.update(results[-1], clip.target(sample.t))
            assert torch.equal(piece.matrix.counts, alone.matrix.counts)
            assert score.nfe == results[-1].status.nfe
        assert score.total.compute() == total.compute()


@pytest.mark.parametrize("solver", ["picard", "broyden"])
def test_streaming_at_offset_zero_is_the_single_frame(solver):
    model, street = double_model()
    evaluation = evaluate(model, street, Settings((1, 4), (0, 2), solver))
    for count in (1, 4):
        single, streaming = (
            evaluation.scores[condition]
            for condition in (Condition(Mode.SINGLE, count), Condition(Mode.STREAMING, count, 0))
        )
        assert torch.equal(single.total.matrix.counts, streaming.total.matrix.counts)
        assert single.nfe == streaming.nfe == count + (solver == "broyden")


# -- what cannot be evaluated ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "pose"}, "expected data for reading, got numbers, which is for pose"),
        ({"classes": ("a", "c")}, "number 1 is 'b' in the model and 'c' in the data"),
        ({"classes": ("x", "c")}, "number 0 is 'a' in the model and 'x' in the data"),
        ({"classes": ("a",), "palette": ((0, 0, 0),)}, "'history_model' has 2 classes and numbers 1"),
    ],
)
def test_a_model_for_other_classes_is_refused_by_the_first_difference(changes, message):
    with pytest.raises(StreamdeqError, match=message):
        check_classes(SPEC, replace(CLIPS, **changes))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"iterations": (0,)}, "iterations: expected different whole numbers of at least 1"),
        ({"iterations": ()}, "iterations: expected"),
        ({"offsets": (1, 1)}, "offsets: expected different"),
        ({"offsets": (-1,)}, "offsets: expected"),
        ({"batch": 0}, "batch: expected at least 1 row, got 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(StreamdeqError, match=message):
        Settings(**settings)
