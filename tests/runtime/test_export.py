"""What is exported says the same elsewhere, by its description alone."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.small_models import tiny_model

from streamdeq.api import load
from streamdeq.cli.main import build, guarded
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


def exported(tmp_path: Path, format_: str) -> tuple[Path, dict]:
    out = tmp_path / "out"
    said = ["export", str(weights(tmp_path)), "--format", format_, "--out", str(out), "--frame", "24,40", "-n", "2"]
    assert guarded(build(["export"]), [*said, "--size", "native"]) == 0
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
