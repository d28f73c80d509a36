"""One exported function, opened by the runtime that its file is for."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError

#: Arrays in the order of the function's inputs to those of its outputs.
Session = Callable[[Sequence[np.ndarray]], list[np.ndarray]]


def open_session(path: Path, threads: int | None) -> Session:
    """The function in a file `.onnx` or `.xml`, on so many threads; as many as its runtime likes if None.

    Raises:
        StreamdeqError: the file or its runtime is not there, or it cannot be read.
    """
    if not path.is_file():
        raise StreamdeqError(f"{path} is missing: export the model again")
    opener, package = {".onnx": (_onnx, "onnxruntime"), ".xml": (_openvino, "openvino")}[path.suffix]
    try:
        return opener(path, threads)
    except ImportError as error:
        raise StreamdeqError(f"{path} needs the package {package}: pip install {package}") from error
    except Exception as error:  # each runtime has exceptions of its own, none of them public
        raise StreamdeqError(f"{path} cannot be opened by {package}: {error}") from error


def _onnx(path: Path, threads: int | None) -> Session:
    import onnxruntime  # type: ignore[import-not-found]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a neighbour needs the core
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_inputs()]
    # The stubs name kinds of output that these functions do not have.
    return lambda arrays: session.run(None, dict(zip(names, arrays, strict=True)))  # type: ignore[return-value]


@cache
def openvino_core() -> Any:
    """One for the process, for ever. Its plugin gives the thread that loads it another stack for signals and, when the
    last one is dropped, in whatever thread, unmaps that: the first thread would die of its next Ctrl-C."""
    import openvino  # type: ignore[import-not-found]

    return openvino.Core()


def _openvino(path: Path, threads: int | None) -> Session:
    settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    compiled = openvino_core().compile_model(path, "CPU", settings)

    def run(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        outputs = compiled(list(arrays))
        return [outputs[port] for port in compiled.outputs]

    return run
