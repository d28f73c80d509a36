"""`streamdeq reproduce`: a table or figure of the paper, measured into a JSON file and drawn from that."""

from pathlib import Path
from typing import Annotated, Any

import typer

from streamdeq.cli import options
from streamdeq.cli.terminal import say
from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.reproduce.settings import ItemSettings


def reproduce(
    item: Annotated[str, typer.Argument(metavar="ITEM|all", help="Which: table1, fig3, …, zero, latency; or all.")],
    settings: ItemSettings,
    out: Annotated[Path, Option("Folder for ITEM.json and its pictures.", metavar="DIR")] = Path("figures"),
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", metavar="NAME|FILE", help="A packaged model, or a weights file; repeatable."),
    ] = None,
    data: Annotated[str | None, Option("The data set.", metavar="DIR|synthetic")] = None,
    split: options.Split = "val",
    allow_outside: options.AllowOutside = False,
    peer: options.Peers = None,
    quick: Annotated[bool, Option("On rendered data and models of it that are packaged; small.")] = False,
    draw: Annotated[bool, Option("Draw anew from the JSON in --out; nothing is computed.")] = False,
    precision: options.Precision = "fp32",
    device: options.Device = "auto",
    quiet: options.Quiet = False,
) -> None:
    from streamdeq.evaluation.reporting.chart import check_installed
    from streamdeq.evaluation.reproduce.items import ITEMS, find_item
    from streamdeq.evaluation.reproduce.run import Reproduction, Subjects, measured_files
    from streamdeq.evaluation.reproduce.run import quick as on_rendered

    names = list(ITEMS) if item == "all" else [item]
    find_item(names[0])
    check_installed()
    if quick and (data or model or peer):
        raise StreamdeqError("--quick has data and models of its own; leave --data, --model and --peer out")
    if draw:
        for file in measured_files(out, names):
            _draw(file)
        return
    if quick:
        pairs = on_rendered(out, names, settings, device)
    elif data is None:
        raise StreamdeqError("reproduce: expected --data, the data set to measure on; or --quick, or --draw")
    else:
        peers = tuple(map(options.named_file, peer or ()))
        models = tuple(model or (options.DEFAULT_MODEL,))
        subjects = Subjects(models, data, split, peers, allow_outside, device, precision)
        made = Reproduction(subjects, settings, out)
        pairs = ((made, name) for name in names)
    for made, name in pairs:
        _measure(made, name, quiet=quiet, alone=len(names) == 1)


def _measure(made: Any, name: str, *, quiet: bool, alone: bool) -> None:
    """One of several items that cannot be measured does not keep the others from it."""
    from streamdeq.cli.progress import track

    try:
        if not alone and (reason := made.fits(name)):
            raise StreamdeqError(reason)
        with track(name, None, unit="parts", quiet=quiet) as advance:
            file = made.measure(name, advance)
        _draw(file)
    except StreamdeqError as error:
        if alone:
            raise
        say(f"{name}: not run: {error}", err=True)


def _draw(file: Path) -> None:
    from streamdeq.evaluation.reproduce.run import draw

    for path in draw(file):
        say(path)
