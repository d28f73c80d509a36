"""How steady a pose model's answers are on the clips of a data set, for `eval --jitter`. Knows no file format.

Every clip is streamed whole, with the boxes of its labels to look in. What the points are labelled is not asked: a
clip is a video like any other, and only boxes are taken from its labels.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.label_boxes import boxes_of
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.steadiness import TIMES, Steadiness, Streaming, Way, measure, watch
from streamdeq.evaluation.table import NOTHING, Cells
from streamdeq.streaming.locate import FromTable
from streamdeq.streaming.options import StartFrom, StreamOptions
from streamdeq.tasks.pose.draw import SHOWN

#: Iterations from zeros that stand for the converged answer.
CONVERGED = Way(20, StartFrom.ZEROS)
#: Frames at the beginning of a clip that do not count: streams have to settle.
SKIP = 5


def ways(counts: Sequence[int]) -> tuple[Way, ...]:
    """Streaming and from scratch at each count, and the converged answers last."""
    scratch = (Way(count, StartFrom.ZEROS) for count in counts)
    return (*map(Way, counts), *(way for way in scratch if way != CONVERGED), CONVERGED)


def watchable(dataset: Dataset) -> tuple[Clip, ...]:
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


def steadiness(
    model: Streaming,
    clips: Sequence[Clip],
    counts: Sequence[int],
    options: StreamOptions,
    report: Callable[[], None] = lambda: None,
) -> tuple[Steadiness, ...]:
    """A row for each of `ways`, over all clips.

    Args:
        options: of every stream, besides its iterations and where it starts.
        report: called for every frame of every clip.
    """
    some = ways(counts)
    videos = [watch(model, _images(clip, report), some, FromTable(boxes_of(clip)), options) for clip in clips]
    return tuple(measure(videos, CONVERGED, SKIP))


def cells(rows: Sequence[Steadiness]) -> list[Cells]:
    """Heading and a line per way: jitter and distance from converged, in pixels and in percent of the crop's side."""
    heading = ["", "iterations", "jitter px/frame²", "% of crop", TIMES, "from converged px", "% of crop"]
    return [heading, *([row.way.name, str(row.way.iterations), *_figures(row)] for row in rows)]


def note(rows: Sequence[Steadiness]) -> str:
    """What the table is about, in a line."""
    return (
        f"Jitter: mean acceleration of key points over {rows[0].triples} times three frames on end, in the labels' "
        f"boxes, of points with a score of {SHOWN} in the converged answers ({CONVERGED.iterations} iterations from "
        "zeros). A constant answer would have none: the last columns say how far each is from converged."
    )


def _figures(row: Steadiness) -> Cells:
    of: dict[str, Any] = row.figures
    around = "" if row.times is None else f" ({row.times.low:.2f}–{row.times.high:.2f})"
    times = _points(of[TIMES]) + around
    jitter, distance = ([_points(of[f"{name} px"]), _points(of[f"{name} %"])] for name in ("jitter", "distance"))
    return [*jitter, times, *distance]


def _points(value: float) -> str:
    return NOTHING if np.isnan(value) else f"{value:.2f}"


def _images(clip: Clip, report: Callable[[], None]) -> Iterator[np.ndarray]:
    for t in range(len(clip)):
        yield clip.image(t)
        report()
