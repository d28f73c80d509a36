"""A stream from outside: frames in, answers out, every frame accounted for."""

from enum import StrEnum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from support.small_models import frames, tiny_model

from streamdeq.errors import StreamdeqError
from streamdeq.streaming.options import Options, StreamOptions


def test_a_stream_gives_labels_in_the_frames_own_pixels():
    model = tiny_model()
    with model.stream(iterations=2) as stream:
        result = stream(frames(1, hw=(50, 70))[0].image)
    assert result.labels.shape == (50, 70)
    assert result.status.iterations == 2


def test_run_yields_one_answer_per_frame_and_counts_them():
    model = tiny_model()
    with model.stream(iterations=1) as stream:
        results = list(stream.run([f.image for f in frames(4)]))
    assert [r.status.frame_index for r in results] == [0, 1, 2, 3]
    assert (stream.stats.processed, stream.stats.failed, stream.stats.decoded) == (4, 0, 4)


def test_start_zeros_equals_solving_each_frame_alone():
    model = tiny_model()
    clip = [f.image for f in frames(3)]
    with model.stream(iterations=3, start="zeros") as stream:
        for image, result in zip(clip, stream.run(clip), strict=True):
            alone = model.solve(image, iterations=3)
            assert np.array_equal(result.labels, alone.labels)
            assert result.status.residual == pytest.approx(alone.status.residual)


def test_start_reference_solves_the_first_frame_longer_and_then_streams():
    model = tiny_model()
    with model.stream(iterations=1, start="reference") as stream:
        nfe = [result.status.nfe for result in stream.run([f.image for f in frames(3)])]
    assert nfe[0] > 1
    assert nfe[1:] == [1, 1]


@pytest.mark.parametrize("solver", ["picard+best", "broyden+free"])
def test_a_solvers_name_may_say_what_it_answers(solver):
    model = tiny_model()
    with model.stream(iterations=3, solver=solver) as stream:
        results = list(stream.run([f.image for f in frames(3)]))
    assert [(r.status.iterations, r.status.nfe) for r in results] == [(3, 4)] * 3
    assert not any(r.status.failed for r in results)


def test_reset_makes_the_next_frame_cold():
    model = tiny_model()
    clip = frames(3)
    with model.stream(iterations=1) as stream:
        starts = []
        for frame in clip:
            if frame.index == 2:
                stream.reset()
            starts.append(str(stream(frame.image).status.start))
    assert starts == ["cold", "warm", "cold"]


def test_read_gives_the_current_answer_without_a_step():
    model = tiny_model()
    with model.stream(iterations=1) as stream:
        result = stream(frames(1)[0].image)
        again = stream.read()
    assert np.array_equal(result.labels, again.labels)
    assert again.status.nfe == 1


def test_streams_of_one_model_do_not_share_state():
    model = tiny_model()
    a, b = frames(2, 1), frames(2, 2)
    with model.stream(iterations=1) as first, model.stream(iterations=1) as second:
        mixed = [(first(x.image), second(y.image)) for x, y in zip(a, b, strict=True)]
    with model.stream(iterations=1) as alone:
        expected = [alone(x.image) for x in a]
    for (result, _), wanted in zip(mixed, expected, strict=True):
        assert np.array_equal(result.labels, wanted.labels)
        assert result.status.residual == pytest.approx(wanted.status.residual, rel=1e-6)


@pytest.mark.parametrize(
    "image", [np.zeros(8, np.uint8), np.full((8, 8, 3), 1.5, np.float32), [[0]], np.zeros((8, 8, 5), np.uint8)]
)
def test_what_is_no_picture_is_refused(image):
    with tiny_model().stream() as stream, pytest.raises(StreamdeqError, match=r"\(H, W, 3\) uint8"):
        stream(image)


def test_a_picture_that_may_not_be_written_to_is_taken_as_it_is():
    image = frames(1)[0].image
    locked = image.copy()
    locked.flags.writeable = False
    with tiny_model().stream() as stream, tiny_model().stream() as other:
        assert np.array_equal(stream(locked).labels, other(image).labels)


def test_a_closed_stream_says_so():
    stream = tiny_model().stream()
    stream.close()
    with pytest.raises(StreamdeqError, match="closed"):
        stream(frames(1)[0].image)


def test_every_option_of_a_stream_is_a_keyword_of_its_own_type():
    def said(hint: Any) -> set[Any]:
        """The types of what a caller may write: the words to choose among are text."""
        members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        words = [get_origin(one) is Literal or (isinstance(one, type) and issubclass(one, StrEnum)) for one in members]
        return {str if word else one for one, word in zip(members, words, strict=True)}

    options = get_type_hints(StreamOptions)
    assert options.pop("iterations") == int | None
    assert {name: said(hint) for name, hint in get_type_hints(Options).items()} == {
        name: said(hint) for name, hint in options.items()
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"iterations": 0}, "at least 1"),
        ({"start": "previus"}, "unknown start"),
        ({"solver": "pickard"}, "picard"),
        ({"size": 0}, "size must be"),
    ],
)
def test_bad_arguments_get_one_clear_line(arguments, message):
    with pytest.raises(StreamdeqError, match=message) as caught:
        tiny_model().stream(**arguments)
    assert "\n" not in str(caught.value)
