"""What an item is: how it is measured into JSON, and how its pictures are drawn from that.

The JSON file: `format`, `item`, `header`, and the item's own content: `lines` by name (`x` and what was measured there,
None where nothing was), `rows` of scores, a `comparison`, `pictures` beside the file.
"""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.peers import Peer
from streamdeq.evaluation.reporting.chart import COLOURS, Chart, Colour, Line, save
from streamdeq.evaluation.reproduce.latents import Measured
from streamdeq.evaluation.reproduce.settings import ItemSettings
from streamdeq.reading import MOST_TEXT, loads, open_regular

FORMAT = "streamdeq-figure-1"


@dataclass(frozen=True, eq=False)
class Work:
    """What an item is measured on.

    Args:
        measured: the models, each on the same split.
        peers: networks that answer frame by frame.
        folder: for pictures; its files are named from the JSON.
        done: told of progress.
    """

    measured: Sequence[Measured]
    settings: ItemSettings
    folder: Path
    done: Callable[[], None] = lambda: None
    peers: Sequence[Peer] = ()

    @property
    def one(self) -> Measured:
        """Raises StreamdeqError if there are several models."""
        if len(self.measured) != 1:
            names = ", ".join(one.model.spec.name for one in self.measured)
            raise StreamdeqError(f"--model: expected one for this item, got {names}")
        return self.measured[0]


#: From what was measured, as it stands in the JSON file PATH, to pictures beside it.
Draw = Callable[[Mapping[str, Any], Path], list[Path]]


@dataclass(frozen=True)
class Item:
    """A table or a figure.

    Args:
        title: what it shows.
        task: that the models have to be for; any if empty.
        several: it takes several models.
        peers: it takes peers.
    """

    title: str
    measure: Callable[[Work], dict[str, Any]]
    draw: Draw
    task: str = ""
    several: bool = False
    peers: bool = False


def to_plain(name: str, header: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """For JSON."""
    return {"format": FORMAT, "item": name, "header": dict(header), **content}


def read_found(path: str | os.PathLike[str], items: Mapping[str, Item]) -> dict[str, Any]:
    """What `to_plain` made, from its file.

    Raises:
        StreamdeqError: no such file, or it holds something else.
    """
    try:
        with open_regular(path) as file:
            found = loads(file.read(MOST_TEXT).decode())
        if found["format"] != FORMAT or found["item"] not in items:
            raise ValueError("another format")
    except OSError as error:
        raise StreamdeqError(f"cannot read {path}: {error.strerror}; measure it first, without --draw") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StreamdeqError(f"{path} holds no figure that this version knows ({error}); measure it again") from error
    return found


#: Behind the name of a line: the same, every frame from zeros.
FROM_ZEROS = ", from zeros"


def charted(
    title: str, x_name: str, y_name: str, y: str, *, log_y: bool = False, log_x: bool = False, lines_name: bool = False
) -> Draw:
    """Lines over x as PNG and SVG; `y` is what of a line is drawn. A line from zeros is dashed, as in the paper, in the
    colour of the line it belongs to. The title says which models, unless the lines name them (`lines_name`)."""

    def draw(found: Mapping[str, Any], path: Path) -> list[Path]:
        lines: list[Line] = []
        colours: dict[str, Colour] = {}
        for name, line in found["lines"].items():
            points = tuple((x, math.nan if v is None else v) for x, v in zip(line["x"], line[y], strict=True))
            colour = colours.setdefault(name.removesuffix(FROM_ZEROS), COLOURS[1 + len(colours) % (len(COLOURS) - 1)])
            dashed = name.startswith("from zeros") or line.get("dashed", False)
            lines.append(Line(name, points, colour, dashed=dashed, dots=len(points) < 40))
        named = y_name or str(found["metric"])
        headed = title if lines_name else f"{title}: {models_of(found)}"
        chart = Chart(headed, x_name, named, tuple(lines), log_y=log_y, log_x=log_x)
        return save_both(chart, path)

    return draw


def save_both(chart: Chart, path: Path) -> list[Path]:
    """The chart as SVG and as PNG beside the JSON file `path`."""
    files = [path.with_suffix(".svg"), path.with_suffix(".png")]
    for file in files:
        save(chart, file)
    return files


def models_of(found: Mapping[str, Any]) -> str:
    return ", ".join(found["header"]["models"])
