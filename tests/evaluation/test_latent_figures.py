"""The paper's figures of latents, on a map whose fixed point is known: z* = 2x, and k steps leave 2⁻ᵏ of it."""

from itertools import pairwise

import numpy as np
import pytest
from support.small_models import Contraction, StubModel, frames

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.frames import Rendered
from streamdeq.data.targets import Lazy
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.plan import Draw
from streamdeq.evaluation.reproduce.latents import (
    Measured,
    along_iterations,
    along_offsets,
    between_neighbours,
    changes,
)
from streamdeq.models.architecture import Architecture
from streamdeq.models.spec import ModelSpec, ReferenceSolve
from streamdeq.streaming.options import StartFrom

#: So many steps that z* is reached in float64.
REFERENCE = 60
CLIPS = [frames(5), frames(4, seed=3)]


def clip(number: int) -> Clip:
    images = [frame.image for frame in CLIPS[number]]
    labelled = Lazy((len(images) - 1,), lambda t: None)
    return Clip(f"c{number}", 10.0, Rendered(len(images), lambda t: images[t]), labelled)


DATASET = Dataset("drift", "none", "val", (), (), (clip(0), clip(1)), "")


def measured(draw: Draw = Draw(), batch: int = 4) -> Measured:  # noqa: B008 (frozen)
    arch = Architecture((8, 8), groups=2)
    spec = ModelSpec("half", "none", arch, (), (), size=32, reference=ReferenceSolve("picard", REFERENCE))
    return Measured(StubModel(Contraction(), spec), DATASET, draw, batch=batch)


def z_of(image: np.ndarray) -> np.ndarray:
    """z* = 2x over all scales."""
    x = image.astype(np.float64).transpose(2, 0, 1) / 255
    scales = [x.reshape(3, x.shape[1] // k, k, x.shape[2] // k, k).mean((2, 4)).ravel() for k in (4, 8)]
    return 2 * np.concatenate(scales)


def pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    return [(z_of(a.image), z_of(b.image)) for some in CLIPS for a, b in pairwise(some)]


@pytest.mark.parametrize("batch", [1, 3])
def test_from_the_previous_reference_the_distance_falls_from_that_of_neighbours(batch: int):
    found = along_iterations(measured(batch=batch), 4)
    begun = np.mean([np.sum((a - b) ** 2) for a, b in pairs()])
    zeros = np.mean([np.sum(b**2) for _, b in pairs()])
    for name, at_first in (("from the previous reference", begun), ("from zeros", zeros)):
        line = found[name]
        assert line["x"] == [0, 1, 2, 3, 4]
        assert line["squared_distance"] == pytest.approx([at_first / 4**k for k in range(5)])
        assert line["pictures"] == 7
        entries = len(pairs()[0][0])
        assert line["per_entry"] == pytest.approx(np.array(line["squared_distance"]) / entries)


def test_neighbours_from_zeros_come_as_far_apart_as_their_fixed_points_are():
    line = between_neighbours(measured(), 3)["from zeros"]
    apart = np.mean([np.sum((a - b) ** 2) for a, b in pairs()])
    assert line["squared_distance"] == pytest.approx([apart * (1 - 0.5**k) ** 2 for k in range(4)])


@pytest.mark.parametrize("start", [StartFrom.REFERENCE, StartFrom.PREVIOUS])
def test_over_the_offset_the_distance_is_that_of_a_stream_begun_so_many_frames_before(start: StartFrom):
    found = along_offsets(measured(), (1, 2), (0, 1, 3), start)
    for steps in (1, 2):
        expected = []
        for offset in (0, 1, 3):
            gaps = []
            for some in CLIPS:
                z = [z_of(frame.image) for frame in some[-1 - offset :]]
                at = z[0] if start is StartFrom.REFERENCE else z[0] * (1 - 0.5**steps)
                for target in z[1:]:
                    at = target + (at - target) * 0.5**steps
                gaps.append(np.sum((at - z[-1]) ** 2))
            expected.append(np.mean(gaps))
        line = found[f"{steps} iterations"]
        assert (line["x"], line["pictures"]) == ([0, 1, 3], 2)
        assert line["squared_distance"] == pytest.approx(expected, rel=1e-9, abs=1e-20)


def test_the_changes_are_those_of_every_step_across_frames():
    line = changes(measured(Draw(clips=1)), (2,), frames=3)["2 iterations"]
    assert (line["x"], line["steps_per_frame"]) == ([1, 2, 3, 4, 5, 6], 2)
    assert line["change"][0] is None  # from zeros
    some = next(some for some in CLIPS if _second(some) == pytest.approx(line["change"][2]))
    assert line["change"][1] == pytest.approx(0.5)
    assert some


def _second(some) -> float:
    """The first step of the second frame, after two of the first: from z = 3/4 z₀* to z/2 + z₁*/2."""
    first, second = z_of(some[0].image), z_of(some[1].image)
    z = first * 0.75
    return float(np.linalg.norm((second - z) / 2) / np.linalg.norm(z))


def test_a_draw_measures_fewer_and_too_short_clips_are_refused():
    assert along_iterations(measured(Draw(clips=1, frames=2)), 1)["from zeros"]["pictures"] == 2
    with pytest.raises(StreamdeqError, match="at least 9 frames before it"):
        along_offsets(measured(), (1,), (9,), StartFrom.REFERENCE)
    with pytest.raises(StreamdeqError, match="a clip of at least 9 frames"):
        changes(measured(), (1,), 9)
