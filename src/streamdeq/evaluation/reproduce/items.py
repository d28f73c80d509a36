"""The figures of the paper that can be measured: what each needs, and how it is drawn from its JSON.

The JSON file: `format`, `item`, `header`, and `lines` by name: `x` and what was measured there, None where nothing was.
"""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.evaluation.reporting.chart import COLOURS, Chart, Line
from streamdeq.reading import MOST_TEXT, loads, open_regular
from streamdeq.registry import unknown
from streamdeq.streaming.options import StartFrom, WorkingSize

FORMAT = "streamdeq-figure-1"


@dataclass(frozen=True)
class FigureSettings:
    """What of the data a figure is made of, and at which numbers of iterations.

    Args:
        frames_per_clip: of Figs 3 and 15 pairs of frames, of Figs 4 and 5 annotated frames.
    """

    iterations: Annotated[
        tuple[int, ...] | None, Option("Iterations per frame; default 1,2,4,8 or the figure's.", short="-n", least=1)
    ] = None
    offsets: Annotated[tuple[int, ...], Option("Figs 4 and 5: frames since the start.", least=0)] = (0, 1, 2, 5, 10, 20)
    frames: Annotated[int, Option("Fig. 8: frames of a clip.", least=1)] = 6
    size: WorkingSize = None
    batch: Annotated[int, Option("Rows computed together.", least=1)] = 1
    clips: Annotated[int | None, Option("So many clips, drawn at random.", least=1)] = None
    frames_per_clip: Annotated[int | None, Option("So many frames of a clip, drawn at random.", least=1)] = None
    seed: Annotated[int, Option("What is drawn at random depends on it.", least=0)] = 0

    def counts(self, usual: tuple[int, ...]) -> tuple[int, ...]:
        return self.iterations or usual


@dataclass(frozen=True)
class Item:
    """A figure.

    Args:
        title: what it shows.
        measure: (measured, settings, told of progress) → lines by name, see `latents`.
        x_name, y_name: of the axes; `y` is what of a line is drawn.
    """

    title: str
    measure: Callable[[Any, FigureSettings, Callable[[], None]], dict[str, Any]]
    x_name: str
    y_name: str = "squared distance per entry of z"
    y: str = "per_entry"


def _fig3(measured: Any, settings: FigureSettings, done: Callable[[], None]) -> dict[str, Any]:
    from streamdeq.evaluation.reproduce.latents import along_iterations

    return along_iterations(measured, max(settings.counts((measured.iterations,))), done)


def _offsets(start: StartFrom) -> Callable[[Any, FigureSettings, Callable[[], None]], dict[str, Any]]:
    def measure(measured: Any, settings: FigureSettings, done: Callable[[], None]) -> dict[str, Any]:
        from streamdeq.evaluation.reproduce.latents import along_offsets

        return along_offsets(measured, settings.counts(Settings.iterations), settings.offsets, start, done)

    return measure


def _fig8(measured: Any, settings: FigureSettings, done: Callable[[], None]) -> dict[str, Any]:
    from streamdeq.evaluation.reproduce.latents import changes

    return changes(measured, settings.counts((1, 2, 4, 8, 12, 21)), settings.frames, done)


def _fig15(measured: Any, settings: FigureSettings, done: Callable[[], None]) -> dict[str, Any]:
    from streamdeq.evaluation.reproduce.latents import between_neighbours

    return between_neighbours(measured, max(settings.counts((measured.iterations,))), done)


ITEMS = {
    "fig3": Item("Distance from the reference over iterations", _fig3, "iterations"),
    "fig4": Item(
        "Distance from the reference, begun from a reference", _offsets(StartFrom.REFERENCE), "frames since the start"
    ),
    "fig5": Item(
        "Distance from the reference, begun from zeros", _offsets(StartFrom.PREVIOUS), "frames since the start"
    ),
    "fig8": Item("Change of z by a step, across frames", _fig8, "steps since the start", "‖z⁺ − z‖ / ‖z‖", "change"),
    "fig15": Item("Distance of neighbouring frames' paths from zeros", _fig15, "iterations"),
}


def find_item(name: str) -> Item:
    """Raises StreamdeqError for a name that is none."""
    if name not in ITEMS:
        raise StreamdeqError(unknown("item", name, list(ITEMS)))
    return ITEMS[name]


def to_plain(name: str, header: Mapping[str, Any], lines: Mapping[str, Any]) -> dict[str, Any]:
    """For JSON."""
    return {"format": FORMAT, "item": name, "header": dict(header), "lines": dict(lines)}


def read_figure(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What `to_plain` made, from its file.

    Raises:
        StreamdeqError: no such file, or it holds something else.
    """
    try:
        with open_regular(path) as file:
            found = loads(file.read(MOST_TEXT).decode())
        if found["format"] != FORMAT or found["item"] not in ITEMS:
            raise ValueError("another format")
    except OSError as error:
        raise StreamdeqError(f"cannot read {path}: {error.strerror}; measure it first, without --draw") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StreamdeqError(f"{path} holds no figure that this version knows ({error}); measure it again") from error
    return found


def chart_of(found: Mapping[str, Any]) -> Chart:
    """The figure of what was measured. A line from zeros is dashed, as in the paper."""
    item, lines = ITEMS[found["item"]], []
    for number, (name, line) in enumerate(found["lines"].items()):
        points = tuple((x, math.nan if y is None else y) for x, y in zip(line["x"], line[item.y], strict=True))
        colour = COLOURS[1 + number % (len(COLOURS) - 1)]
        lines.append(Line(name, points, colour, dashed=name == "from zeros", dots=len(points) < 40))
    title = f"{item.title}: {found['header']['model']}"
    return Chart(title, item.x_name, item.y_name, tuple(lines), log_y=True)
