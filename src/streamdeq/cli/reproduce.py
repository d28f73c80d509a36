"""`streamdeq reproduce`: a figure of the paper, measured into a JSON file and drawn from that."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from streamdeq.cli import options
from streamdeq.cli.terminal import say
from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.reproduce.items import FigureSettings


def reproduce(
    item: Annotated[str, typer.Argument(metavar="fig3|fig4|fig5|fig8|fig15", help="Which figure.")],
    settings: FigureSettings,
    out: Annotated[Path, Option("Folder for ITEM.json, ITEM.png and ITEM.svg.", metavar="DIR")] = Path("figures"),
    model: options.Model = options.DEFAULT_MODEL,
    data: Annotated[str | None, Option("The data set.", metavar="DIR|synthetic")] = None,
    split: options.Split = "val",
    allow_outside: options.AllowOutside = False,
    draw: Annotated[bool, Option("Draw anew from the JSON in --out; nothing is computed.")] = False,
    precision: options.Precision = "fp32",
    device: options.Device = "auto",
    quiet: options.Quiet = False,
) -> None:
    from streamdeq.evaluation.reporting.chart import check_installed, save
    from streamdeq.evaluation.reporting.table import check_writable, write_json
    from streamdeq.evaluation.reproduce.items import chart_of, find_item, read_figure, to_plain

    found, file = find_item(item), out / f"{item}.json"
    check_installed()
    if not draw:
        if data is None:
            raise StreamdeqError("reproduce: expected --data, the data set to measure on; or --draw")
        check_writable(file)
        measured = _measured(model, data, split, allow_outside, device, precision, settings)
        lines = _with_progress(item, found, measured, settings, quiet)
        write_json(to_plain(item, _header(measured, model, data, split, settings), lines), file)
    chart = chart_of(read_figure(file))
    for path in (out / f"{item}.svg", out / f"{item}.png"):
        save(chart, path)
        say(path)


def _measured(
    model: str, data: str, split: str, outside: bool, device: Any, precision: Any, settings: FigureSettings
) -> Any:
    from streamdeq.api import load
    from streamdeq.data.open import open_dataset
    from streamdeq.evaluation.protocol.plan import Draw
    from streamdeq.evaluation.reproduce.latents import Measured

    loaded = load(model, device, precision)
    dataset = open_dataset(data, split, loaded.spec.task, outside)
    draw = Draw(settings.clips, settings.frames_per_clip, settings.seed)
    return Measured(loaded, dataset, draw, settings.size, settings.batch)


def _with_progress(name: str, item: Any, measured: Any, settings: FigureSettings, quiet: bool) -> dict[str, Any]:
    from streamdeq.cli.progress import track

    with track(name, None, unit="pictures", quiet=quiet) as advance:
        return item.measure(measured, settings, advance)


def _header(measured: Any, model: str, data: str, split: str, settings: FigureSettings) -> dict[str, Any]:
    from streamdeq.codec import to_plain
    from streamdeq.models import zoo
    from streamdeq.models.checkpoint import digest, read_weights
    from streamdeq.runtime.precision import precision_of
    from streamdeq.training.log import surroundings

    functions = measured.model.functions
    return {
        "model": measured.model.spec.name,
        "hash": digest(read_weights(zoo.find(model))[1]),
        "reference": to_plain(measured.model.spec.reference_solve),
        "data": data,
        "split": split,
        "settings": to_plain(settings),
        "precision": str(precision_of(functions.dtype)),
        "command": " ".join(["streamdeq", *sys.argv[1:]]),
        **surroundings(functions.device),
    }
