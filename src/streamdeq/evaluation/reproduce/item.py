"""What an item is: how it is measured into JSON, and how its pictures are drawn from that.

The JSON file: `format`, `item`, `header`, and the item's own content: `lines` by name (`x` and what was measured there,
None where nothing was), `rows` of scores, a `comparison`, `pictures` beside the file.
"""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from streamdeq.codec import Option
from streamdeq.data.base import Dataset
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.bootstrap import RESAMPLES
from streamdeq.evaluation.peers import Peer
from streamdeq.evaluation.protocol.plan import usual_offsets
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.evaluation.reporting.chart import COLOURS, Chart, Line, save
from streamdeq.evaluation.reproduce.latents import Measured
from streamdeq.reading import MOST_TEXT, loads, open_regular
from streamdeq.streaming.options import StartSource, WorkingSize

FORMAT = "streamdeq-figure-1"


@dataclass(frozen=True)
class ItemSettings:
    """What of the data an item is made of, and at which numbers of iterations.

    Args:
        frames_per_clip: of Figs 3, 7 and 15 pairs of frames, elsewhere annotated frames.
    """

    iterations: Annotated[
        tuple[int, ...] | None, Option("Iterations per frame; default 1,2,4,8 or the item's.", short="-n", least=1)
    ] = None
    offsets: Annotated[
        tuple[int, ...] | None, Option("Frames since the start; default 0,1,2,5,10,20 or what there is.", least=0)
    ] = None
    frames: Annotated[int | None, Option("Frames of a clip that are shown or streamed over.", least=1)] = None
    size: WorkingSize = None
    batch: Annotated[int, Option("Rows computed together.", least=1)] = 1
    clips: Annotated[int | None, Option("So many clips, drawn at random.", least=1)] = None
    frames_per_clip: Annotated[int | None, Option("So many frames of a clip, drawn at random.", least=1)] = None
    seed: Annotated[int, Option("What is drawn at random depends on it.", least=0)] = 0
    resamples: Annotated[int, Option("Resamples the intervals are drawn from; 0 for no intervals.", least=0)] = (
        RESAMPLES
    )
    start_from: StartSource = None
    fps: Annotated[float | None, Option("`latency`: frames per second of the video; default: the data's.")] = None
    budgets_ms: Annotated[
        tuple[float, ...] | None, Option("`budget`: milliseconds per frame; default: 1.5 to 12 times a step.")
    ] = None

    def counts(self, usual: tuple[int, ...] = Settings.iterations) -> tuple[int, ...]:
        return self.iterations or usual

    def after(self, dataset: Dataset) -> tuple[int, ...]:
        return self.offsets or usual_offsets(dataset)

    def protocol(self, dataset: Dataset, **changes: Any) -> Settings:
        """As the streaming protocol has them."""
        own = {name: getattr(self, name) for name in ("size", "batch", "clips", "frames_per_clip", "seed")}
        return Settings(**{"iterations": self.counts(), "offsets": self.after(dataset), **own, **changes})


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


def charted(title: str, x_name: str, y_name: str, y: str, *, log_y: bool = False, log_x: bool = False) -> Draw:
    """Lines over x as PNG and SVG; `y` is what of a line is drawn. A line from zeros is dashed, as in the paper."""

    def draw(found: Mapping[str, Any], path: Path) -> list[Path]:
        lines = []
        for number, (name, line) in enumerate(found["lines"].items()):
            points = tuple((x, math.nan if v is None else v) for x, v in zip(line["x"], line[y], strict=True))
            colour = COLOURS[1 + number % (len(COLOURS) - 1)]
            dashed = name.startswith("from zeros") or line.get("dashed", False)
            lines.append(Line(name, points, colour, dashed=dashed, dots=len(points) < 40))
        named = y_name or str(found["metric"])
        chart = Chart(f"{title}: {models_of(found)}", x_name, named, tuple(lines), log_y=log_y, log_x=log_x)
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
