"""`streamdeq import`: a published checkpoint into a weights file. A thin caller of `streamdeq.models.convert`."""

from pathlib import Path
from typing import Annotated

import typer

from streamdeq.cli.options import Quiet
from streamdeq.cli.terminal import say
from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError
from streamdeq.reading import read_text


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The authors' .pkl or .pth file.")],
    task: Annotated[str, Option("What its head is for.", metavar="segmentation|classification|detection")],
    out: Annotated[Path, Option("The weights file to write.", short="-o", metavar="OUT.safetensors")],
    groups: Annotated[int, Option("Groups of its norms; no file records them.", least=2)] = 8,
    classes: Annotated[Path | None, Option("The names of its classes, one per line.", metavar="NAMES.txt")] = None,
    quiet: Quiet = False,
) -> None:
    if out.suffix != ".safetensors":
        raise StreamdeqError(f"--out: expected a name that ends in .safetensors, got '{out}'")
    names = _read_names(classes) if classes else None

    from streamdeq.models.checkpoint import save_weights
    from streamdeq.models.convert import convert_checkpoint
    from streamdeq.tasks import load_network
    from streamdeq.version import __version__

    converted = convert_checkpoint(file, task, groups, names)
    spec = converted.spec.with_provenance(trained_with=f"imported by streamdeq {__version__}")
    save_weights(out, load_network(spec, converted.tensors, str(file)), spec)
    if not quiet:
        arch = spec.architecture
        widths = "/".join(str(c) for c in arch.channels)
        say(
            f"import: {task}, {len(spec.classes)} classes, channels {widths}, expansion {arch.expansion}, "
            f"{groups} groups as {'given' if groups != 8 else 'in every published file'}, "
            f"{len(converted.tensors)} tensors, {len(converted.dropped)} left out",
            err=True,
        )
    say(out)


def _read_names(path: Path) -> tuple[str, ...]:
    try:
        names = tuple(line.strip() for line in read_text(path).rstrip().splitlines())
    except StreamdeqError as error:
        raise StreamdeqError(f"--classes: {error}") from error
    if "" in names:  # skipping it would shift all names after it
        raise StreamdeqError(f"--classes: expected a name in line {names.index('') + 1} of {path}, got an empty line")
    return names
