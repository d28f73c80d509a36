"""A stream's state is a value: forked, saved, taken up in another process, with the same results."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support.small_models import frames, tiny_model

from streamdeq.errors import StreamdeqError
from streamdeq.models.architecture import Architecture
from streamdeq.streaming.options import StreamOptions
from streamdeq.streaming.statefile import digest

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
    subprocess.run(command, check=True, timeout=120)
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
