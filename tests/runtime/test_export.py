"""What is exported says the same elsewhere, by its description alone."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.small_models import frames, tiny_model

from streamdeq import edge
from streamdeq.api import load
from streamdeq.cli.main import build, guarded
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError
from streamdeq.models.checkpoint import save_weights
from streamdeq.tasks import build_network

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)


def weights(folder: Path) -> Path:
    torch.manual_seed(0)
    spec = tiny_model().spec
    save_weights(folder / "tiny.safetensors", build_network(spec).eval(), spec)
    return folder / "tiny.safetensors"


def answer(file: Path) -> list[np.ndarray]:
    """The latent after two steps, as an export lays it out."""
    with load(file, "cpu", "fp32").stream(2, solver="picard", size="native") as stream:
        stream(PIXELS)
        state = stream.state.engine.content(stream.state.row).state
    return [m.permute(0, 2, 3, 1).numpy() for m in state.answer.maps]


def exported(tmp_path: Path, format_: str, *options: str) -> tuple[Path, dict]:
    out = tmp_path / "out"
    said = ["export", str(weights(tmp_path)), "--format", format_, "--out", str(out), "--frame", "24,40", "-n", "2"]
    assert guarded(build(["export"]), [*said, "--size", "native", *options]) == 0
    return out, json.loads((out / "description.json").read_text())


class Numpy:
    """The functions of a folder for a program that has numpy and ONNX Runtime."""

    def __init__(self, folder: Path, described: dict) -> None:
        import onnxruntime

        self.described = described["functions"]
        self.sessions = {
            name: onnxruntime.InferenceSession(folder / one["file"]) for name, one in self.described.items()
        }

    def __call__(self, name: str, *arrays: np.ndarray) -> list[np.ndarray]:
        inputs = self.described[name]["inputs"]
        for port, array in zip(inputs, arrays, strict=True):
            assert (port["shape"], port["dtype"]) == (list(array.shape), str(array.dtype))
        return self.sessions[name].run(None, {port["name"]: a for port, a in zip(inputs, arrays, strict=True)})


def on_canvas(described: dict) -> tuple[np.ndarray, np.ndarray]:
    canvas = np.zeros((1, *described["canvas_hw"], 3), np.uint8)
    h, w = described["content_hw"]
    canvas[:, :h, :w] = PIXELS
    return canvas, np.array([h, w])


def test_an_onnx_folder_runs_without_torch_and_answers_as_the_model_does(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    folder, described = exported(tmp_path, "onnx")
    assert described["classes"] == ["sky", "road", "car"]
    assert (described["content_hw"], described["canvas_hw"], described["steps"]) == ([24, 40], [32, 48], 2)
    run, frame = Numpy(folder, described), on_canvas(described)
    zeros = [np.zeros(port["shape"], np.float32) for port in described["functions"]["predict"]["inputs"]]

    injection, z = run("inject", *frame), zeros
    for _ in range(2):
        z = run("step", *z, *injection)
    [logits] = run("predict", *z)
    *z_of_frame, logits_of_frame = run("frame", *frame, *zeros)
    for a, b in zip((*z, logits), (*z_of_frame, logits_of_frame), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)

    for ours, expected in zip(z, answer(tmp_path / "tiny.safetensors"), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-4)


@pytest.mark.parametrize(("format_", "off"), [("onnx", 1e-5), ("openvino", 0.05)])  # this may compute in bfloat16
def test_dynamic_files_take_frames_of_any_size_each_at_its_own_proportions(
    tmp_path: Path, format_: str, off: float
) -> None:
    pytest.importorskip("onnxruntime" if format_ == "onnx" else "openvino")
    pytest.importorskip("onnxscript")
    folder, described = exported(tmp_path, format_, "--dynamic")
    assert described["sizes"] == {"shorter_side": None, "longest": None, "stride": 16, "least": 16}
    model, ours = edge.Model(folder, threads=1), load(weights(tmp_path), "cpu", "fp32")
    for h, w in ((24, 40), (80, 33), (16, 16), (49, 130)):
        frames = np.random.default_rng(h).integers(0, 256, (2, h, w, 3), dtype=np.uint8)
        elsewhere = model.stream(2)
        with ours.stream(2, solver="picard", size="native") as stream:
            for frame in frames:
                expected, answer = stream(frame), elsewhere(frame)
                assert answer.labels.shape == (h, w)
                assert (answer.labels == expected.labels).mean() > 1 - 2 * off
            latent = stream.state.engine.content(stream.state.row).state.answer
        for m, exact in zip(elsewhere.state[0], latent.maps, strict=True):
            wanted = exact.permute(0, 2, 3, 1).numpy()
            assert np.linalg.norm(m - wanted) < off * np.linalg.norm(wanted)


def test_the_state_of_a_dynamic_folder_is_of_the_size_of_its_video(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model = edge.Model(exported(tmp_path, "onnx", "--dynamic")[0], threads=1)
    stream, frame = model.stream(1), np.random.default_rng(0).integers(0, 256, (70, 50, 3), dtype=np.uint8)
    stream(frame)
    stream.save(tmp_path / "state.npz")
    again = model.stream(1)
    again.restore(tmp_path / "state.npz")
    assert (again(frame).labels == stream(frame).labels).all()
    assert again.state[0][0].shape[1:3] == (20, 16)


@pytest.mark.slow
def test_a_dynamic_detector_takes_frames_that_its_pyramid_is_large_enough_for(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    ours = load("street-boxes-s", "cpu", "fp32")
    frame = open_dataset("synthetic:labels=boxes,clips=1,frames=1,size=192x256", "val").clips[0].image(0)
    for dynamic in (True, False):
        folder = tmp_path / str(dynamic)
        ours.export("onnx", folder, frame_hw=(192, 256), size=96, iterations=1, dynamic=dynamic)
    anyhow, fixed = (edge.Model(tmp_path / str(dynamic), threads=1) for dynamic in (True, False))
    np.testing.assert_allclose(anyhow.stream(2)(frame).scores, fixed.stream(2)(frame).scores, atol=1e-4)
    for shown in (frame, frame[:, :200], frame[60:, :]):  # scaled to within a level of what torch makes of them
        expected = ours.solve(shown, 2, solver="picard", size=96)
        answer = anyhow.stream(2)(shown)
        assert len(answer.scores) == len(expected.scores) > 0
        np.testing.assert_allclose(np.sort(answer.scores), np.sort(expected.scores), atol=0.02)


def test_sizes_that_are_none_are_told_at_once(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    folder, described = exported(tmp_path, "onnx", "--dynamic")
    edge.Model(folder)
    for wrong in ({"stride": 0}, {"least": -1}, {"shorter_side": "96"}, {"stride": None}):
        told = described | {"sizes": described["sizes"] | wrong}
        (folder / "description.json").write_text(json.dumps(told))
        with pytest.raises(StreamdeqError, match="is not a folder that"):
            edge.Model(folder)


@pytest.mark.slow
def test_a_library_for_torch_answers_as_the_model_does(tmp_path: Path) -> None:
    folder, described = exported(tmp_path, "aoti")
    frame = torch._inductor.aoti_load_package(str(folder / described["functions"]["frame"]["file"]))
    ports = described["functions"]["predict"]["inputs"]
    canvas, content = map(torch.from_numpy, on_canvas(described))
    with torch.no_grad():
        outputs = frame(canvas, content, *(torch.zeros(port["shape"]) for port in ports))
    for ours, expected in zip(outputs, answer(tmp_path / "tiny.safetensors"), strict=False):
        np.testing.assert_allclose(ours.numpy(), expected, atol=1e-4)


def test_int8_is_smaller_and_answers_nearly_the_same(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    onnx = pytest.importorskip("onnx")
    folder, described = exported(tmp_path, "onnx")
    model, small = load(weights(tmp_path), "cpu", "fp32"), tmp_path / "int8"
    street = [frame.image for frame in frames(6, hw=(24, 40))]
    made = model.export("onnx", small, frame_hw=(24, 40), size="native", iterations=2, calibrate=street)
    assert (described["precision"], made.precision) == ("fp32", "int8")
    assert json.loads((small / "description.json").read_text())["precision"] == "int8"
    exact, rounded = (edge.Model(one, threads=1).stream(1) for one in (folder, small))
    for stream in (exact, rounded):
        stream(street[0])
    (z, _), (near, _) = exact.state, rounded.state
    error = sum(float(np.square(a - b).sum()) for a, b in zip(z, near, strict=True))
    size = sum(float(np.square(a).sum()) for a in z)
    assert 0 < (error / size) ** 0.5 < 0.1
    kinds = {node.op_type for node in onnx.load(small / "step.onnx").graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    assert sorted(path.name for path in small.iterdir()) == sorted(path.name for path in folder.iterdir())


def test_int8_needs_onnx_and_a_video_with_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = ["export", str(weights(tmp_path)), "--out", str(tmp_path / "out"), "--int8", str(tmp_path / "none.mp4")]
    assert guarded(build(["export"]), [*said, "--format", "onnx"]) == 2
    assert "none.mp4" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    pytest.importorskip("openvino")
    assert guarded(build(["export"]), [*said, "--format", "openvino"]) == 2
