"""`streamdeq-edge`, installed where there is no torch, answers as the program does."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.installing import build_wheel, link, linked_venv, run
from support.making_videos import picture

import streamdeq
from streamdeq.edge import Model
from streamdeq.errors import StreamdeqError

ROOT = Path(__file__).resolve().parents[2]
SIZE_HW = (96, 128)
#: Run there: every frame's answer, after a state was saved and taken up in the middle.
PROGRAM = """
import importlib.util, json, sys
import numpy as np
from streamdeq.edge import Model
from streamdeq.values.geometry import Window

assert not any(map(importlib.util.find_spec, ("torch", "torchvision", "PIL", "av", "cattrs")))
model = Model(sys.argv[1], threads=1)
stream, answers = model.stream(), []
for n, frame in enumerate(np.load("frames.npy")):
    if n == 2:
        stream.save("state.npz")
        stream = model.stream()
        stream.restore("state.npz")
    answers.append(stream(frame))
arrays = {"segmentation": ["labels"], "detection": ["boxes_xyxy", "scores"], "pose": ["keypoints_xy", "scores"]}
given = {f"{name}{n}": getattr(a, name) for n, a in enumerate(answers) for name in arrays[model.task]}
np.savez("answers.npz", **given)
print(json.dumps([[a.status.frame_index, a.status.start, a.status.nfe, a.status.residual] for a in answers]))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A venv with the wheel, numpy and ONNX Runtime."""
    from importlib.metadata import distribution

    pytest.importorskip("onnxscript")
    folder = tmp_path_factory.mktemp("edge") / "venv"
    linked_venv(folder, build_wheel(ROOT / "edge", tmp_path_factory.mktemp("wheel")))
    (site,) = folder.glob("lib/python*/site-packages")
    for name in ("onnxruntime", "flatbuffers", "protobuf", "packaging"):
        link(distribution(name), site)
    return folder


@pytest.mark.parametrize("name", ["street-s", "street-boxes-s", "bee-s"])
def test_without_torch_the_answers_are_the_programs(name: str, installed: Path, tmp_path: Path) -> None:
    frames = [picture(n, SIZE_HW) for n in range(4)]
    np.save(tmp_path / "frames.npy", frames)
    model = streamdeq.load(name, device="cpu", precision="fp32")
    model.export("onnx", tmp_path / "model", frame_hw=SIZE_HW)
    said = run(installed / "bin" / "python", "-W", "error", "-c", PROGRAM, tmp_path / "model", cwd=tmp_path)
    told = json.loads(said)
    with model.stream() as stream, np.load(tmp_path / "answers.npz") as answers:
        for n, frame in enumerate(frames):
            result = stream(frame)
            index, start, nfe, residual = told[n]
            assert (index, start, nfe) == (n, str(result.status.start), result.status.nfe)
            assert residual == pytest.approx(result.status.residual, rel=0.02)
            if name == "street-s":
                assert np.mean(answers[f"labels{n}"] != result.labels) < 0.002
            elif name == "street-boxes-s":
                assert answers[f"boxes_xyxy{n}"].shape == result.boxes_xyxy.shape
                np.testing.assert_allclose(answers[f"scores{n}"], result.scores, atol=0.01)
                np.testing.assert_allclose(answers[f"boxes_xyxy{n}"], result.boxes_xyxy, atol=0.5)
            else:
                np.testing.assert_allclose(answers[f"scores{n}"], result.scores[0], atol=0.01)
                sure = result.scores[0] > 0.3
                np.testing.assert_allclose(answers[f"keypoints_xy{n}"][sure], result.keypoints_xy[0][sure], atol=0.5)


def test_what_is_no_export_or_cannot_be_run_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StreamdeqError, match="is not a folder that `streamdeq export` wrote"):
        Model(tmp_path)
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    described = {
        "task": "depth",
        "classes": [],
        "canvas_hw": [32, 32],
        "steps": 1,
        "head": {},
        "decode_weights": None,
        "functions": {name: {"file": f"{name}.onnx", "inputs": []} for name in ("inject", "step", "predict")},
    }
    (tmp_path / "description.json").write_text(json.dumps(described))
    with pytest.raises(StreamdeqError, match="segmentation, detection, pose; got depth"):
        Model(tmp_path)
    (tmp_path / "description.json").write_text(json.dumps({**described, "task": "pose"}))
    with pytest.raises(StreamdeqError, match=r"inject\.onnx is missing: export the model again"):
        Model(tmp_path)
    large = {"file": "../step.onnx", "inputs": [{"name": "z_0", "shape": [1, 100_000, 100_000, 8]}]}
    functions = {**described["functions"], "step": large}
    (tmp_path / "description.json").write_text(json.dumps({**described, "task": "pose", "functions": functions}))
    with pytest.raises(StreamdeqError, match="its state has more than"):
        Model(tmp_path)
    (tmp_path / "description.json").write_text(json.dumps({**described, "task": "pose"}))
    (tmp_path / "inject.onnx").write_bytes(b"no graph")
    with pytest.raises(StreamdeqError, match=r"inject\.onnx cannot be opened by onnxruntime"):
        Model(tmp_path)
