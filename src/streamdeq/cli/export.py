"""`streamdeq export`: a model as files that run without streamdeq."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from streamdeq.cli.terminal import say
from streamdeq.codec import Option
from streamdeq.streaming.options import WorkingSize


def export(
    model: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A packaged model, a file, hf://owner/name.")],
    format_: Annotated[
        Literal["onnx", "openvino", "aoti"],
        Option("onnx and openvino run without torch; aoti is a library for torch, and needs a C++ compiler."),
    ],
    out: Annotated[Path, Option("Folder for the files.", metavar="DIR")],
    frame: Annotated[tuple[int, int], Option("Height and width of the video.", metavar="H,W")] = (360, 480),
    size: WorkingSize = None,
    iterations: Annotated[
        int | None, Option("Applications of f in the file 'frame'; default: the model's.", short="-n", least=1)
    ] = None,
    int8: Annotated[
        Path | None,
        Option("Write int8 instead of float32 (onnx), calibrated on the first frames of this video.", metavar="VIDEO"),
    ] = None,
    dynamic: Annotated[
        bool, Option("Files for frames of any size, at the model's working size, instead of --frame's shape alone.")
    ] = False,
    precision: Annotated[
        Literal["fp32", "bf16"], Option("Arithmetic of aoti; the others' files are float32, and so is what goes in.")
    ] = "fp32",
) -> None:
    from streamdeq.api import load
    from streamdeq.runtime.export import DESCRIPTION

    loaded = load(model, "cpu", precision)
    made = loaded.export(
        format_, out, frame_hw=frame, size=size, iterations=iterations, calibrate=int8, dynamic=dynamic
    )
    for one in made.functions.values():
        say(out / one.file)
    say(out / DESCRIPTION)
