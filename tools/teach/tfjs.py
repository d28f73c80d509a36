"""A graph of TensorFlow.js (model.json and its weights) as an ONNX model, of the operators that MoveNet has.

Values keep tfjs's order (batch, height, width, channels); a convolution is written between two transpositions, which
runtimes take out again.
"""

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TYPES = {"DT_FLOAT": TensorProto.FLOAT, "DT_INT32": TensorProto.INT32}
SAME_NAME = {"AddV2": "Add", "RealDiv": "Div", "FloorDiv": "Div", "Reshape": "Reshape", "Sub": "Sub", "Mul": "Mul",
             "Sigmoid": "Sigmoid", "Sqrt": "Sqrt", "Identity": "Identity", "ExpandDims": "Unsqueeze"}  # fmt: skip


def read(model: Path) -> onnx.ModelProto:
    """Raises ValueError on an operator that is not known here."""
    graph = json.loads(model.read_text(encoding="utf-8"))
    return _Graph(graph["modelTopology"]["node"], _weights(model, graph["weightsManifest"][0])).model()


def _weights(model: Path, group: dict[str, Any]) -> dict[str, np.ndarray]:
    held = b"".join((model.parent / name).read_bytes() for name in group["paths"])
    found, at = {}, 0
    for one in group["weights"]:
        stored = np.dtype(one.get("quantization", {}).get("dtype", one["dtype"]))
        count = int(np.prod(one["shape"], dtype=int))
        raw = np.frombuffer(held, stored, count, at)
        found[one["name"]] = raw.astype(one["dtype"]).reshape(one["shape"])
        at += count * stored.itemsize
    return found


class _Graph:
    def __init__(self, nodes: Sequence[dict[str, Any]], weights: dict[str, np.ndarray]) -> None:
        self.nodes, self.weights = nodes, weights
        self.made: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def model(self) -> onnx.ModelProto:
        for node in self.nodes:
            if node["op"] not in ("Const", "Placeholder"):
                self.write(node)
        used = {name for node in self.made for name in node.input}
        for name in used & self.weights.keys():
            self.constant(self.weights[name], name)
        (asked,) = (node for node in self.nodes if node["op"] == "Placeholder")
        shape = [int(size["size"]) for size in asked["attr"]["shape"]["shape"]["dim"]]
        inputs = [helper.make_tensor_value_info(asked["name"], TYPES[asked["attr"]["dtype"]["type"]], shape)]
        outputs = [helper.make_tensor_value_info("Identity", TensorProto.FLOAT, None)]
        whole = helper.make_graph(self.made, "tfjs", inputs, outputs, self.constants)
        return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)

    def constant(self, value: np.ndarray, name: str) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, op: str, inputs: Sequence[str], outputs: str | Sequence[str], **attributes: Any) -> str:
        outputs = [outputs] if isinstance(outputs, str) else list(outputs)
        self.made.append(helper.make_node(op, list(inputs), outputs, **attributes))
        return outputs[0]

    def write(self, node: dict[str, Any]) -> None:
        name, op, inputs, attr = node["name"], node["op"], node["input"], node.get("attr", {})
        if op in SAME_NAME:
            if op in ("Reshape", "ExpandDims"):
                inputs = [inputs[0], self.constant(self.weights[inputs[1]].astype(np.int64).reshape(-1), f"{name}/at")]
            self.add(SAME_NAME[op], inputs, name)
        elif "Conv2" in op:
            self.convolution(name, inputs, attr, deep="Depthwise" in op)
        else:
            known: dict[str, Callable[[str, list[str], dict[str, Any]], object]] = {
                "Cast": lambda n, i, a: self.add("Cast", i, n, to=TYPES[a["DstT"]["type"]]),
                "Squeeze": self.squeeze,
                "Unpack": self.unpack,
                "Pack": self.pack,
                "ConcatV2": lambda n, i, a: self.add("Concat", i[:-1], n, axis=int(self.weights[i[-1]])),
                "ArgMax": self.argmax,
                "GatherNd": self.gather,
                "SquaredDifference": lambda n, i, a: self.add("Mul", [self.add("Sub", i, f"{n}/d")] * 2, n),
                "ResizeBilinear": self.resize,
            }
            if op not in known:
                raise ValueError(f"{name}: {op} is not known")
            known[op](name, inputs, attr)

    def convolution(self, name: str, inputs: list[str], attr: dict[str, Any], deep: bool) -> None:
        x, weights, *bias = inputs
        if set(attr.get("dilations", {}).get("list", {}).get("i", "1")) != {"1"}:
            raise ValueError(f"{name}: convolutions are known without dilation")
        kernel = self.weights[weights]  # (height, width, in, out), or (height, width, in, 1)
        kernel = kernel.transpose(2, 3, 0, 1) if deep else kernel.transpose(3, 2, 0, 1)
        x = self.add("Transpose", [x], f"{name}/in", perm=[0, 3, 1, 2])
        x = self.add(
            "Conv", [x, self.constant(kernel, f"{name}/kernel"), *bias], f"{name}/conv",
            strides=[int(step) for step in attr["strides"]["list"]["i"][1:3]],
            auto_pad={"SAME": "SAME_UPPER", "VALID": "VALID"}[_text(attr["padding"]["s"])],
            group=len(kernel) if deep else 1,
        )  # fmt: skip
        fused = [_text(one) for one in attr.get("fused_ops", {}).get("list", {}).get("s", [])]
        if "Relu" in fused:
            x = self.add("Relu", [x], f"{name}/relu")
        if "Relu6" in fused:
            ends = [self.constant(np.array(end, np.float32), f"{name}/{end}") for end in (0, 6)]
            x = self.add("Clip", [x, *ends], f"{name}/relu6")
        self.add("Transpose", [x], name, perm=[0, 2, 3, 1])

    def squeeze(self, name: str, inputs: list[str], attr: dict[str, Any]) -> None:
        axes = np.array([int(axis) for axis in attr["squeeze_dims"]["list"]["i"]])
        self.add("Squeeze", [*inputs, self.constant(axes, f"{name}/axes")], name)

    def unpack(self, name: str, inputs: list[str], attr: dict[str, Any]) -> None:
        axis, parts = int(attr["axis"]["i"]), int(attr["num"]["i"])
        split = [f"{name}/part{at}" for at in range(parts)]
        self.add("Split", [*inputs, self.constant(np.ones(parts, np.int64), f"{name}/parts")], split, axis=axis)
        for at, part in enumerate(split):
            axes = self.constant(np.array([axis]), f"{name}/axis{at}")
            self.add("Squeeze", [part, axes], f"{name}:{at}" if at else name)

    def pack(self, name: str, inputs: list[str], attr: dict[str, Any]) -> None:
        axis = int(attr["axis"]["i"])
        axes = self.constant(np.array([axis]), f"{name}/axes")
        parts = [self.add("Unsqueeze", [one, axes], f"{name}/{at}") for at, one in enumerate(inputs)]
        self.add("Concat", parts, name, axis=axis)

    def argmax(self, name: str, inputs: list[str], attr: dict[str, Any]) -> None:
        at = self.add("ArgMax", inputs[:1], f"{name}/at", axis=int(self.weights[inputs[1]]), keepdims=0)
        self.add("Cast", [at], name, to=TensorProto.INT32)

    def gather(self, name: str, inputs: list[str], attr: dict[str, Any]) -> None:
        places = self.add("Cast", inputs[1:], f"{name}/places", to=TensorProto.INT64)
        self.add("GatherND", [inputs[0], places], name)

    def resize(self, name: str, inputs: list[str], attr: dict[str, Any]) -> None:
        if not attr.get("half_pixel_centers", {}).get("b"):
            raise ValueError(f"{name}: bilinear resizing is known with half_pixel_centers alone")
        x = self.add("Transpose", inputs[:1], f"{name}/in", perm=[0, 3, 1, 2])
        kept = self.add("Slice", [self.add("Shape", [x], f"{name}/shape"), *self._first_two(name)], f"{name}/kept")
        size = self.constant(self.weights[inputs[1]].astype(np.int64), f"{name}/size")
        sizes = self.add("Concat", [kept, size], f"{name}/sizes", axis=0)
        x = self.add(
            "Resize", [x, "", "", sizes], f"{name}/out", mode="linear", coordinate_transformation_mode="half_pixel"
        )
        self.add("Transpose", [x], name, perm=[0, 2, 3, 1])

    def _first_two(self, name: str) -> list[str]:
        return [self.constant(np.array([end]), f"{name}/to{end}") for end in (0, 2)]


def _text(coded: str) -> str:
    return base64.b64decode(coded).decode()
