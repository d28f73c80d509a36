"""ONNX Runtime: runs everywhere, in float32. The extra `onnx`."""

from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from streamdeq.runtime.executor import EXECUTORS
from streamdeq.runtime.files import FileKind, Session
from streamdeq.runtime.programs import Program

#: The first whose GroupNormalization is the one of torch.
OPSET = 21


class OnnxRuntime(FileKind):
    """Inputs and outputs lie in torch's memory: nothing is copied."""

    suffix = ".onnx"

    def lacks(self) -> str | None:
        needed = ("onnx", "onnxruntime", "onnxscript")
        return None if all(map(find_spec, needed)) else "it needs ONNX Runtime: pip install 'streamdeq[onnx]'"

    def version(self) -> str:
        return metadata.version("onnxruntime")

    def write(self, program: Program, path: Path) -> None:
        exported = torch.export.export(program, program.example)
        made = torch.onnx.export(
            exported,
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=program.inputs,
            output_names=program.outputs,
        )
        assert made is not None
        made.save(path)

    def open(self, path: Path, program: Program) -> Session:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a neighbour needs the core
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        shapes = [tuple(port.shape) for port in session.get_outputs()]

        def run(inputs: Sequence[Tensor]) -> list[Tensor]:
            outputs = [torch.empty(shape) for shape in shapes]
            bound = session.io_binding()
            for port, tensor in zip(session.get_inputs(), inputs, strict=True):
                value = onnxruntime.OrtValue.ortvalue_from_numpy(tensor.numpy())
                bound.bind_ortvalue_input(port.name, value)
            for port, tensor in zip(session.get_outputs(), outputs, strict=True):
                value = onnxruntime.OrtValue.ortvalue_from_numpy(tensor.numpy())
                bound.bind_ortvalue_output(port.name, value)
            session.run_with_iobinding(bound)
            return outputs

        return run


EXECUTORS.register("onnx")(OnnxRuntime())
