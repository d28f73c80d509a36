"""A graph of TensorFlow.js, written by hand, read as ONNX: against torch."""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/teach"))
import tfjs

ONES = {"list": {"i": ["1", "1", "1", "1"]}}
TWOS = {"list": {"i": ["1", "2", "2", "1"]}}


def text(*words: str) -> list[str]:
    return [base64.b64encode(word.encode()).decode() for word in words]


def node(name: str, op: str, *inputs: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "op": op, "input": list(inputs), "attr": attributes}


def computed(folder: Path, nodes: list[dict[str, Any]], weights: dict[str, np.ndarray], image: np.ndarray) -> Any:
    """What the graph, with its weights beside it, says of `image`; the first weight is stored in 16 bits."""
    size = [{"size": str(n)} for n in image.shape]
    asked = node("image", "Placeholder", shape={"shape": {"dim": size}}, dtype={"type": "DT_INT32"})
    told, raw = [], b""
    for n, (name, value) in enumerate(weights.items()):
        told.append({"name": name, "shape": list(value.shape), "dtype": str(value.dtype)})
        if not n:
            told[0]["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
        raw += (value if n else value.astype(np.float16)).tobytes()
    (folder / "w1.bin").write_bytes(raw[:50])
    (folder / "w2.bin").write_bytes(raw[50:])
    made = {
        "modelTopology": {"node": [asked, *(node(name, "Const") for name in weights), *nodes]},
        "weightsManifest": [{"paths": ["w1.bin", "w2.bin"], "weights": told}],
    }
    (folder / "model.json").write_text(json.dumps(made))
    graph = tfjs.read(folder / "model.json").SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": image})[0]


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (1, 6, 8, 3)).astype(np.int32)


def test_convolutions_with_what_is_fused_and_bilinear_growth(tmp_path: Path, image: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    kernel = (rng.integers(-8, 8, (3, 3, 3, 5)) / 64).astype(np.float32)  # exact in 16 bits
    deep, bias = rng.standard_normal((3, 3, 5, 1)).astype(np.float32), rng.standard_normal(5).astype(np.float32)
    size = np.array([6, 8], np.int32)
    nodes = [
        node("real", "Cast", "image", DstT={"type": "DT_FLOAT"}),
        node("one", "_FusedConv2D", "real", "kernel", "bias", strides=TWOS, padding={"s": text("SAME")[0]},
             fused_ops={"list": {"s": text("BiasAdd", "Relu6")}}),
        node("two", "DepthwiseConv2dNative", "one", "deep", strides=ONES, padding={"s": text("SAME")[0]}),
        node("grown", "ResizeBilinear", "two", "size", half_pixel_centers={"b": True}),
        node("Identity", "Identity", "grown"),
    ]  # fmt: skip
    found = computed(tmp_path, nodes, {"kernel": kernel, "deep": deep, "bias": bias, "size": size}, image)
    x = torch.from_numpy(image).float().permute(0, 3, 1, 2)
    # TensorFlow pads an even side only behind, where the step is 2.
    x = F.conv2d(F.pad(x, (0, 1, 0, 1)), torch.from_numpy(kernel).permute(3, 2, 0, 1), torch.from_numpy(bias), 2)
    x = F.conv2d(x.clamp(0, 6), torch.from_numpy(deep).permute(2, 3, 0, 1), padding=1, groups=5)
    expected = F.interpolate(x, (6, 8), mode="bilinear").permute(0, 2, 3, 1)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-4)


def test_the_place_of_the_largest_and_what_is_there(tmp_path: Path, image: np.ndarray) -> None:
    flat = np.array([48, 3], np.int32)
    row, axis = np.array(8, np.int32), np.array(0, np.int32)
    nodes = [
        node("rows", "Reshape", "image", "flat"),
        node("at", "ArgMax", "rows", "axis"),
        node("y", "FloorDiv", "at", "row"),
        node("above", "Mul", "y", "row"),
        node("x", "Sub", "at", "above"),
        node("both", "Pack", "y", "x", axis={"i": "1"}),
        node("first", "Unpack", "image", axis={"i": "0"}, num={"i": "1"}),
        node("there", "GatherNd", "first", "both"),
        node("real", "Cast", "there", DstT={"type": "DT_FLOAT"}),
        node("Identity", "Identity", "real"),
    ]
    found = computed(
        tmp_path, nodes, {"unused": np.zeros(1, np.float32), "flat": flat, "row": row, "axis": axis}, image
    )
    for channel, there in enumerate(found):
        assert there[channel] == image[0, :, :, channel].max()


def test_an_operator_that_is_not_known_is_named(tmp_path: Path, image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="wave: FFT is not known"):
        computed(tmp_path, [node("wave", "FFT", "image")], {"unused": np.zeros(1, np.float32)}, image)
