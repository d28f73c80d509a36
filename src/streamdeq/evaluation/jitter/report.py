"""Jitter on the clips of a labelled set, for `eval --jitter`, and its table and chart.

Every clip is streamed whole, with the boxes of its labels to look in. What the points are labelled is not asked: a
clip is a video like any other, and only boxes are taken from its labels.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from streamdeq.api import Model
from streamdeq.data.base import Clip, Dataset
from streamdeq.data.label_boxes import boxes_of
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.bootstrap import Figure
from streamdeq.evaluation.jitter.measure import (
    CONVERGED,
    SKIP,
    TIMES,
    JitterRow,
    SolveSetting,
    measure_jitter,
    stream_all,
)
from streamdeq.evaluation.reporting.chart import COLOURS, Chart, Line
from streamdeq.evaluation.reporting.table import Cells
from streamdeq.streaming.locate import FromTable
from streamdeq.streaming.options import StartFrom, StreamOptions
from streamdeq.tasks.pose.draw import SHOWN


def usual_settings(counts: Sequence[int]) -> tuple[SolveSetting, ...]:
    """Streaming and from scratch at each count, and the converged answers last."""
    scratch = (SolveSetting(count, StartFrom.ZEROS) for count in counts)
    return (*map(SolveSetting, counts), *(setting for setting in scratch if setting != CONVERGED), CONVERGED)


def long_clips(dataset: Dataset) -> tuple[Clip, ...]:
    """The clips that go on for three frames after the first `SKIP`.

    Raises:
        StreamdeqError: no key points, or no clip so long.
    """
    if dataset.task != "pose":
        raise StreamdeqError(f"--jitter is of key points; {dataset.name} is for {dataset.task}: leave it out")
    clips = tuple(clip for clip in dataset.clips if len(clip) >= SKIP + 3)
    if not clips:
        longest = max((len(clip) for clip in dataset.clips), default=0)
        raise StreamdeqError(
            f"--jitter: expected a clip of at least {SKIP + 3} frames in split '{dataset.split}' of {dataset.name}, "
            f"the longest has {longest}; take another split"
        )
    return clips


def jitter_on_clips(
    model: Model,
    clips: Sequence[Clip],
    counts: Sequence[int],
    options: StreamOptions,
    on_frame: Callable[[], None] = lambda: None,
) -> tuple[JitterRow, ...]:
    """A row for each of `usual_settings`, over all clips.

    Args:
        options: of every stream, besides its iterations and where it starts.
        on_frame: called for every frame of every clip.
    """
    settings = usual_settings(counts)
    videos = [
        stream_all(model, _images(clip, on_frame), settings, FromTable(boxes_of(clip)), options) for clip in clips
    ]
    return tuple(measure_jitter(videos))


def cells(rows: Sequence[JitterRow]) -> list[Cells]:
    """Heading and a line per setting: jitter and distance from converged, in pixels and in percent of the crop."""
    heading = ["", "iterations", "jitter px/frame²", "% of crop", TIMES, "from converged px", "% of crop"]
    return [heading, *map(_line, rows)]


def jitter_chart(model: str, rows: Sequence[JitterRow]) -> Chart:
    """Jitter and distance, in percent of the crop's side, over the iterations; the converged answers are the last."""
    *measured, converged = rows
    lines = []
    for figure, colour in (("jitter %", COLOURS[1]), ("distance %", COLOURS[2])):
        for start in (StartFrom.PREVIOUS, StartFrom.ZEROS):
            some = [row for row in measured if row.setting.start == start]
            points = tuple((float(row.setting.iterations), row.figures[figure]) for row in some)
            name = f"{figure.split()[0]}, {some[0].setting.name}"
            lines.append(Line(name, points, colour, dashed=start == StartFrom.ZEROS, dots=True))
    counts = [float(row.setting.iterations) for row in measured]
    level = tuple((count, converged.figures["jitter %"]) for count in (counts[0], max(counts)))
    lines.append(Line(f"jitter, single at {converged.setting.iterations}", level, COLOURS[0], dashed=True))
    highest = max(y for line in lines for _, y in line.points)
    title = f"{model}: acceleration of points, distance from converged"
    return Chart(title, "iterations per frame", "% of the crop's side", tuple(lines), y_range=(0.0, highest))


def note(rows: Sequence[JitterRow]) -> str:
    """What the table is about, in a line."""
    return (
        f"Jitter: mean acceleration of key points over {rows[0].triples} times three frames on end, in the labels' "
        f"boxes, of points with a score of {SHOWN} in the converged answers ({CONVERGED.iterations} iterations from "
        "zeros). A constant answer would have none: the last columns say how far each is from converged."
    )


def _line(row: JitterRow) -> Cells:
    known = row.to_plain()["figures"]
    texts = {name: Figure(value, row.times if name == TIMES else None).text(2) for name, value in known.items()}
    ordered = [texts[name] for name in ("jitter px", "jitter %", TIMES, "distance px", "distance %")]
    return [row.setting.name, str(row.setting.iterations), *ordered]


def _images(clip: Clip, on_frame: Callable[[], None]) -> Iterator[np.ndarray]:
    for t in range(len(clip)):
        yield clip.image(t)
        on_frame()
