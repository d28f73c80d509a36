"""A stream's state is a value: forked, saved, taken up in another process, with the same results."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from support import forked
from support.small_models import frames, tiny_model

from streamdeq.errors import StreamdeqError
from streamdeq.models.architecture import Architecture
from streamdeq.streaming.options import StreamOptions
from streamdeq.streaming.statefile import digest
from streamdeq.streaming.timing import FrameCosts, Pace, RunningCost

OPTIONS = [
    StreamOptions(iterations=2),
    StreamOptions(iterations=3, solver="broyden"),
    StreamOptions(iterations=9, tolerance=0.2),
]


def go_on(model, state, clip):
    results = []
    for frame in clip:
        result, state = model.step(frame, state)
        results.append(result)
    return results, state


def same(results, expected):
    for result, wanted in zip(results, expected, strict=True):
        assert np.array_equal(result.labels, wanted.labels)
        assert result.status.nfe == wanted.status.nfe
        assert result.status.residual == pytest.approx(wanted.status.residual, rel=1e-5)
        assert result.status.start == wanted.status.start
        assert result.status.frame_index == wanted.status.frame_index


@pytest.mark.parametrize("options", OPTIONS, ids=["picard", "broyden", "tolerance"])
def test_the_functional_core_equals_a_stream(options):
    model, clip = tiny_model(), frames(4)
    results, _ = go_on(model, model.begin(options), clip)
    keywords = {"solver": options.solver, "tolerance": options.tolerance}
    with model.stream(options.iterations, **keywords) as stream:
        same(results, [stream.step(frame) for frame in clip])


@pytest.mark.parametrize("options", OPTIONS, ids=["picard", "broyden", "tolerance"])
def test_a_clone_goes_its_own_way(options):
    model, clip, other = tiny_model(), frames(5), frames(5, seed=9)
    _, state = go_on(model, model.begin(options), clip[:2])
    fork = state.clone()
    expected, _ = go_on(model, state, clip[2:])
    go_on(model, fork.clone(), other[2:])
    results, _ = go_on(model, fork, clip[2:])
    same(results, expected)


@pytest.mark.parametrize("options", OPTIONS, ids=["picard", "broyden", "tolerance"])
def test_a_saved_state_continues_to_the_same_results(tmp_path, options):
    model, clip = tiny_model(), frames(12)
    _, state = go_on(model, model.begin(options), clip[:2])
    state.save(tmp_path / "state.safetensors")
    expected, _ = go_on(model, state, clip[2:])
    restored = tiny_model().restore(tmp_path / "state.safetensors")
    assert restored.options == options
    results, _ = go_on(model, restored, clip[2:])
    same(results, expected)


RESUME = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from support.small_models import frames, tiny_model
model = tiny_model()
state = model.restore(sys.argv[2])
labels, residuals = [], []
for frame in frames(12)[2:]:
    result, state = model.step(frame, state)
    labels.append(result.labels)
    residuals.append(result.status.residual)
np.savez(sys.argv[3], labels=np.stack(labels), residuals=np.array(residuals))
"""


def test_another_process_takes_a_state_up_and_its_next_ten_results_agree(tmp_path):
    model, clip = tiny_model(), frames(12)
    _, state = go_on(model, model.begin(StreamOptions(iterations=2)), clip[:2])
    state.save(tmp_path / "state.safetensors")
    expected, _ = go_on(model, state, clip[2:])
    tests = Path(__file__).parent.parent
    command = [sys.executable, "-c", RESUME, str(tests), str(tmp_path / "state.safetensors"), str(tmp_path / "out.npz")]
    forked.run(command, check=True, timeout=120)
    told = np.load(tmp_path / "out.npz")
    assert len(expected) == 10
    assert np.array_equal(told["labels"], np.stack([r.labels for r in expected]))
    np.testing.assert_allclose(told["residuals"], [r.status.residual for r in expected], rtol=1e-5)


def test_a_state_can_be_read_before_the_next_frame(tmp_path):
    model = tiny_model()
    result, state = model.step(frames(1)[0], model.begin(StreamOptions(iterations=2)))
    state.save(tmp_path / "state.safetensors")
    restored = model.restore(tmp_path / "state.safetensors")
    [again] = restored.engine.read([restored.row])
    assert np.array_equal(again.labels, result.labels)


def test_a_state_without_a_frame_cannot_be_saved(tmp_path):
    with pytest.raises(StreamdeqError, match="not seen a frame"):
        tiny_model().begin(StreamOptions()).save(tmp_path / "state.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_state_of_another_architecture_or_another_file_is_refused(tmp_path):
    model = tiny_model()
    _, state = model.step(frames(1)[0], model.begin(StreamOptions()))
    state.architecture = Architecture((16, 16, 16), groups=2, expansion=2)
    state.save(tmp_path / "other.safetensors")
    with pytest.raises(StreamdeqError, match="another architecture"):
        model.restore(tmp_path / "other.safetensors")
    (tmp_path / "text").write_text("no state")
    with pytest.raises(StreamdeqError, match="cannot be read"):
        model.restore(tmp_path / "text")
    with pytest.raises(StreamdeqError, match="cannot be read"):
        model.restore(tmp_path / "missing")


#: Written on 2026-11-28 at commit 1dbfb9c, when a budget remembered a tuple of numbers and a picture was text.
OLD = Path(__file__).parent / "states"


def test_states_of_before_are_taken_up_and_written_as_they_were(tmp_path):
    model, clip = tiny_model(), frames(3)
    by_picture = model.restore(OLD / "state-2-fps-picture.safetensors")
    assert by_picture.value == Pace(
        1, 0, RunningCost(1.737245655406305, 0.6634949931562204), RunningCost(5.910969085687356, 5.093901662031108)
    )
    assert np.array_equal(by_picture.seen, clip[2].image[:, :, ::-1])
    by_residual = model.restore(OLD / "state-2-deadline-residual.safetensors")
    assert by_residual.value == FrameCosts(
        RunningCost(2.1062784182187357, 0.6428260494687663), RunningCost(0.0018963264062392682, 0.000612139874995421)
    )
    assert by_residual.seen == (1.0, 1.2006186246871948, 1.0314786434173584)
    for old, state in zip(("fps-picture", "deadline-residual"), (by_picture, by_residual), strict=True):
        state.save(tmp_path / "again")
        before, after = described(OLD / f"state-2-{old}.safetensors"), described(tmp_path / "again")
        assert (after["value"], after["seen"]) == (before["value"], before["seen"])
    result, _ = model.step(clip[2].image, by_residual)
    assert result.status.frame_index == 3
    assert str(result.status.start) == "warm"
    assert not result.status.cut


def described(path):
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["state"])


@pytest.mark.gpu
def test_a_state_moves_to_the_gpu_and_goes_on(tmp_path):
    from streamdeq.api import Model
    from streamdeq.tasks import build_network

    model, clip = tiny_model(), frames(4)
    torch.manual_seed(0)
    other = Model(build_network(model.spec), model.spec, "cuda", "fp32")
    _, state = go_on(model, model.begin(StreamOptions(iterations=2)), clip[:2])
    state.save(tmp_path / "state.safetensors")
    expected, _ = go_on(model, state, clip[2:])
    results, _ = go_on(other, other.restore(tmp_path / "state.safetensors"), clip[2:])
    for result, wanted in zip(results, expected, strict=True):
        assert np.mean(result.labels == wanted.labels) > 0.999


def test_states_from_before_the_cell_was_called_mdeq_belong_to_the_same_architecture():
    architecture = Architecture((8, 16), groups=4, expansion=2, cell="mdeq")
    assert digest(architecture) == "0fc40155aa304e77c9e13ed0168eac00c24d3b42a0f7ddad95e2544397dd2959"
