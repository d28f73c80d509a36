"""`streamdeq export`: a model as files that run without streamdeq."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from streamdeq.cli.terminal import say
from streamdeq.codec import Option
from streamdeq.streaming.options import WorkingSize


def export(
    model: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A packaged model, or a weights file.")],
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
    precision: Annotated[
        Literal["fp32", "bf16"], Option("Arithmetic of aoti; the others' files are float32, and so is what goes in.")
    ] = "fp32",
) -> None:
    from streamdeq.api import load
    from streamdeq.runtime.export import DESCRIPTION, Sizes
    from streamdeq.runtime.export import export as write
    from streamdeq.values.geometry import Geometry

    loaded = load(model, "cpu", precision)
    spec = loaded.spec
    shorter = spec.size if size is None else size
    longest = spec.longest if size is None else None
    fit = Geometry.fit(frame, shorter if isinstance(shorter, int) else None, spec.architecture.stride, longest=longest)
    sizes = Sizes(fit.frame_hw, fit.content_hw, fit.canvas_hw)
    made = write(loaded.functions, spec, format_, sizes, iterations or spec.iterations, out)
    for one in made.functions.values():
        say(out / one.file)
    say(out / DESCRIPTION)
