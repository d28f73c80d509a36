"""OpenVINO: kernels of its own for Intel's processors and their like, without a compiler. The extra `openvino`."""

import sys
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from streamdeq.edge.sessions import openvino_core
from streamdeq.runtime.files import FileKind
from streamdeq.runtime.kinds import EXECUTORS
from streamdeq.runtime.programs import Program
from streamdeq.runtime.spread import Session, Spread


class OpenVINO(FileKind):
    """Inputs and outputs lie in torch's memory: nothing is copied."""

    suffix = ".xml"

    def lacks(self) -> str | None:
        return None if find_spec("openvino") else "it needs OpenVINO: pip install 'streamdeq[openvino]'"

    def version(self) -> str:
        return metadata.version("openvino")

    def write(self, program: Program, path: Path) -> None:
        openvino = _openvino()
        model = openvino.convert_model(program.exported())
        if not program.least:
            model.reshape({port: list(program.example[_number(port)].shape) for port in model.inputs})
        for port in model.inputs:
            port.set_names({program.inputs[_number(port)]})
        for port, name in zip(model.outputs, program.outputs, strict=True):
            port.set_names({name})
        if not program.least:
            _normalise_by_group(model)
        openvino.save_model(model, path, compress_to_fp16=False)

    def open(self, path: Path, program: Program) -> Session:
        threads = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": program.functions.threads}
        requests = _Requests(path, program, threads)
        return lambda inputs: requests([inputs])

    def open_spread(self, path: Path, program: Program, threads: int) -> Spread:
        each = {"NUM_STREAMS": threads, "INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False}
        return _Requests(path, program, each)


class _Requests:
    """A compiled file, and as many requests to it as there have been rows at a time."""

    def __init__(self, path: Path, program: Program, settings: dict[str, Any]) -> None:
        self._openvino = _openvino()
        precision = "bf16" if program.functions.dtype == torch.bfloat16 else "f32"
        settings = {"INFERENCE_PRECISION_HINT": precision, **settings}
        self._compiled = openvino_core().compile_model(path, "CPU", settings)
        self._requests: list[Any] = []
        self._shapes = [tuple(port.shape) for port in self._compiled.outputs]
        self._taken = [program.inputs.index(port.any_name) for port in self._compiled.inputs]

    def __call__(self, rows: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        while len(self._requests) < len(rows):
            self._requests.append(self._compiled.create_infer_request())
        outputs = [torch.empty(len(rows) * shape[0], *shape[1:]) for shape in self._shapes]
        own = [m.split(shape[0]) for m, shape in zip(outputs, self._shapes, strict=True)]
        begun = list[Any]()
        try:
            for n, (request, inputs) in enumerate(zip(self._requests, rows, strict=False)):
                for port, given in enumerate(self._taken):
                    request.set_input_tensor(port, self._shared(inputs[given]))
                for port, parts in enumerate(own):
                    request.set_output_tensor(port, self._shared(parts[n]))
                if len(rows) == 1:
                    request.infer()
                    break
                request.start_async()
                begun.append(request)
        finally:
            _wait_for(begun)
        return outputs

    def _shared(self, tensor: Tensor) -> Any:
        return self._openvino.Tensor(tensor.numpy(), shared_memory=True)


def _wait_for(requests: Sequence[Any]) -> None:
    """All of them, whatever becomes of one: the tensors that they write to are given back after that."""
    for n, request in enumerate(requests):
        try:
            request.wait()
        except BaseException:
            _wait_for(requests[n + 1 :])
            raise


def _normalise_by_group(model: Any) -> None:
    """Say every GroupNormalization as a normalisation of rows, a group being one, which a thread sums from end to end.

    OpenVINO's own way to do that cuts a sum into as many parts as there are threads in some layouts (2026.4,
    `MVNJitExecutor::mvn_nspc`), so that the last bits would depend on how many compute. It costs the same.
    """
    from openvino import opset13 as ops

    for node in model.get_ordered_ops():
        if node.get_type_name() != "GroupNormalization":
            continue
        maps, scale, shift = (node.input(n).get_source_output() for n in range(3))
        settings, shape = node.get_attributes(), list(maps.get_shape())
        groups = shape[0] * settings["num_groups"]
        rows = ops.reshape(maps, np.array([groups, -1]), special_zero=False)
        normal = ops.mvn(rows, np.array([1]), True, settings["epsilon"], "inside_sqrt")
        back = ops.reshape(normal, np.array(shape), special_zero=False)
        of_channel = np.array([1, shape[1], *(1 for _ in shape[2:])])
        scaled = ops.multiply(back, ops.reshape(scale, of_channel, special_zero=False))
        node.output(0).replace(ops.add(scaled, ops.reshape(shift, of_channel, special_zero=False)).output(0))


def _number(port: Any) -> int:
    """Which of the program's inputs this is: the conversion leaves out what has no use, and keeps torch's names."""
    return int(port.any_name.removeprefix("tensors_"))


def _openvino() -> Any:
    """The library, without the part that tells its makers of every import and conversion."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


EXECUTORS.register("openvino")(OpenVINO())
