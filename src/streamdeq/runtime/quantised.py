"""An exported folder of ONNX files in int8: weights and activations of every convolution, the rest stays float32.

Static quantisation by ONNX Runtime (per channel, QDQ): the ranges are those that the functions' inputs have while a
video goes through the exported folder, from zeros and on. State, injection and outputs stay float32.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from streamdeq.edge import Model
from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path

#: Frames that are looked at: more changed no range that mattered, and their inputs lie in memory.
FRAMES = 24
#: Applications of f per frame while looking: the second is from a state that is nearer to the fixed point.
STEPS = 2

#: Of each function the inputs it was given, by name.
Examples = dict[str, list[dict[str, np.ndarray]]]


def check_quantisable(format_: str) -> None:
    """Raises StreamdeqError for another format than ONNX, and where its quantisation is not installed."""
    if format_ != "onnx":
        raise StreamdeqError(f"int8 is written as onnx, which OpenVINO reads too; got the format {format_}")
    if not (find_spec("onnxruntime") and find_spec("onnx")):
        raise StreamdeqError("int8 needs ONNX Runtime: pip install 'streamdeq[onnx]'")


def quantise(folder: Path, pictures: Iterable[np.ndarray]) -> int:
    """Replace the ONNX files of an exported folder by such in int8; returns the number of frames they were fitted to.

    Args:
        pictures: of a video like those that the model is for, (H, W, 3) uint8 RGB; the first `FRAMES` count.

    Raises:
        StreamdeqError: the video has no picture, or the model's task needs torch.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self, examples: Iterable[Mapping[str, np.ndarray]]) -> None:
            self._examples: Iterator[Any] = iter(examples)

        def get_next(self) -> Any:
            return next(self._examples, None)

    examples = _examples(Model(folder), islice(pictures, FRAMES))
    count = len(examples["inject"])
    if not count:
        raise StreamdeqError("int8: the video to calibrate with has no frame")
    root = logging.getLogger()
    level, _ = root.level, root.setLevel(logging.ERROR)  # ONNX Runtime advises on stderr what is done already
    try:
        for name, own in examples.items():
            file = folder / f"{name}.onnx"
            with atomic_path(file) as part:
                quantize_static(
                    file,
                    part,
                    Reader(own),
                    per_channel=True,
                    op_types_to_quantize=["Conv"],
                    activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8,
                )
    finally:
        root.setLevel(level)
    return count


def _examples(model: Model, pictures: Iterable[np.ndarray]) -> Examples:
    """What the functions are given while the pictures go through the model."""
    found: Examples = {"inject": [], "step": [], "predict": [], "frame": []}
    stream = model.stream(STEPS)
    for picture in pictures:
        stream.observe(picture)
        seen, (z, _) = stream.given(picture), stream.state
        found["inject"].append(seen)
        found["frame"].append({**seen, **_named("z", z)})
        for _ in range(STEPS):
            z, injection = stream.state
            found["step"].append({**_named("z", z), **_named("injection", injection)})
            stream.iterate()
        z, _ = stream.state
        found["predict"].append(_named("z", z))
    return found


def _named(name: str, maps: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{name}_{n}": m for n, m in enumerate(maps)}
