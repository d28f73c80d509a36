"""Options that several commands share and no room below has a dataclass for.

Names that only a registry can know (models, solvers) stay text and are checked where they are looked up.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError

DEFAULT_MODEL = "camvid-s"

Model = Annotated[str, Option("A packaged model, a weights file, or hf://owner/name.", short="-m", metavar="NAME|FILE")]
Save = Annotated[Path | None, Option("Folder for what is written; default: a new one.", metavar="DIR")]
Data = Annotated[str, Option("The data set.", metavar="DIR|synthetic")]
AllowOutside = Annotated[bool, Option("The data set's files may name others that do not lie below it.")]
Split = Annotated[str, Option("The part of it to score.", metavar="NAME")]
Device = Annotated[Literal["auto", "cpu", "cuda"], Option("Where to compute.")]
Precision = Annotated[
    Literal["auto", "fp32", "bf16"],
    Option("Arithmetic inside the network; auto is bf16 where the processor has it."),
]
Threads = Annotated[int | None, Option("CPU threads that compute, at the most; default: one per core.", least=1)]
Resamples = Annotated[int, Option("Resamples the intervals are drawn from; 0 for no intervals.", least=0)]
Markdown = Annotated[bool, Option("Print the table as Markdown.")]
Out = Annotated[Path | None, Option("Write JSON as well.", metavar="FILE")]
Quiet = Annotated[bool, Option("No progress; errors and results only.", short="-q")]
Peers = Annotated[
    list[str] | None,
    typer.Option("--peer", metavar="NAME=FILE", help="A torchvision network to judge frame by frame; repeatable."),
]


def named_file(text: str) -> tuple[str, Path]:
    """What `--peer` takes.

    Raises:
        StreamdeqError: it is not of that form.
    """
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise StreamdeqError(f"--peer: expected NAME=FILE, got '{text}'")
    return name, Path(path)
