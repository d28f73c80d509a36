"""ONNX Runtime: runs everywhere, in float32. The extra `onnx`."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from streamdeq.runtime.files import FileKind
from streamdeq.runtime.kinds import EXECUTORS
from streamdeq.runtime.programs import Program
from streamdeq.runtime.spread import Session, Spread

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
        made = torch.onnx.export(
            program.exported(),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=program.inputs,
            output_names=program.outputs,
        )
        assert made is not None
        made.save(path)

    def open(self, path: Path, program: Program) -> Session:
        return _Opened(path, program.functions.threads)

    def open_spread(self, path: Path, program: Program, threads: int) -> Spread:
        opened = _Opened(path, 1)
        workers = ThreadPoolExecutor(threads, thread_name_prefix="onnx")

        def run(rows: Sequence[Sequence[Tensor]]) -> list[Tensor]:
            asked = [workers.submit(opened, row) for row in rows]
            wait(asked)
            outputs = [one.result() for one in asked]
            return [torch.cat(maps) for maps in zip(*outputs, strict=True)]

        return run


class _Opened:
    """A file ready to be called, by one thread or several."""

    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a neighbour needs the core
        self._value = onnxruntime.OrtValue.ortvalue_from_numpy
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._inputs = [port.name for port in self._session.get_inputs()]
        self._outputs = [(port.name, port.shape) for port in self._session.get_outputs()]

    def __call__(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        outputs = [torch.empty(shape) for _, shape in self._outputs]
        bound = self._session.io_binding()
        for name, tensor in zip(self._inputs, inputs, strict=True):
            bound.bind_ortvalue_input(name, self._value(tensor.numpy()))
        for (name, _), tensor in zip(self._outputs, outputs, strict=True):
            bound.bind_ortvalue_output(name, self._value(tensor.numpy()))
        self._session.run_with_iobinding(bound)
        return outputs


EXECUTORS.register("onnx")(OnnxRuntime())
