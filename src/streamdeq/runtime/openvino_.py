"""OpenVINO: kernels of its own for Intel's processors and their like, without a compiler. The extra `openvino`."""

import sys
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from streamdeq.edge.sessions import openvino_core
from streamdeq.runtime.executor import EXECUTORS
from streamdeq.runtime.files import FileKind, Session
from streamdeq.runtime.programs import Program


class OpenVINO(FileKind):
    """Inputs and outputs lie in torch's memory: nothing is copied."""

    suffix = ".xml"

    def lacks(self) -> str | None:
        return None if find_spec("openvino") else "it needs OpenVINO: pip install 'streamdeq[openvino]'"

    def version(self) -> str:
        return metadata.version("openvino")

    def write(self, program: Program, path: Path) -> None:
        openvino = _openvino()
        model = openvino.convert_model(torch.export.export(program, program.example))
        model.reshape({port: list(program.example[_number(port)].shape) for port in model.inputs})
        for port in model.inputs:
            port.set_names({program.inputs[_number(port)]})
        for port, name in zip(model.outputs, program.outputs, strict=True):
            port.set_names({name})
        openvino.save_model(model, path, compress_to_fp16=False)

    def open(self, path: Path, program: Program) -> Session:
        openvino, core = _openvino(), openvino_core()
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if program.functions.dtype == torch.bfloat16 else "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        compiled = core.compile_model(path, "CPU", settings)
        request = compiled.create_infer_request()
        shapes = [tuple(port.shape) for port in compiled.outputs]
        taken = [program.inputs.index(port.any_name) for port in compiled.inputs]

        def run(inputs: Sequence[Tensor]) -> list[Tensor]:
            outputs = [torch.empty(shape) for shape in shapes]
            for n, given in enumerate(taken):
                request.set_input_tensor(n, openvino.Tensor(inputs[given].numpy(), shared_memory=True))
            for n, tensor in enumerate(outputs):
                request.set_output_tensor(n, openvino.Tensor(tensor.numpy(), shared_memory=True))
            request.infer()
            return outputs

        return run


def _number(port: Any) -> int:
    """Which of the program's inputs this is: the conversion leaves out what has no use, and keeps torch's names."""
    return int(port.any_name.removeprefix("tensors_"))


def _openvino() -> Any:
    """The library, without the part that tells its makers of every import and conversion."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


EXECUTORS.register("openvino")(OpenVINO())
