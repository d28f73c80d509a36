"""What a run does, as one value of plain types."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from streamdeq.codec import Option
from streamdeq.streaming.options import StartSource, StreamOptions
from streamdeq.values import MAX_PIXELS
from streamdeq.values.choice import Choice
from streamdeq.values.live import LivePolicy
from streamdeq.values.look import Look
from streamdeq.values.numbers import check_number

#: A film; a line of JSON per frame; pictures (label maps, or frames as drawn); MOTChallenge's lines; COCO's JSON;
#: YOLO's label files; a table.
Kind = Literal["video", "jsonl", "png", "mot", "coco", "yolo", "csv"]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What a run does.

    Args:
        stream: how every frame is solved.
        save: folder for what is written; None writes nothing. Files of the run's name in it are an error.
        numbered: where `save` is not empty or another run writes to it, `save-2` gets what is written, or `save-3`, …
        to: sinks for the records, as `results.sinks.read_sink` takes them, whether or not something is saved.
        rules: a file of lines and zones, whose events are records too; objects are tracked then.
        live: which frames of a live source are taken, and how long it is waited for.
        choice: what of a detector's answers is shown and written, or looked at where a detector gives the boxes.
        look: how answers are drawn.
        boxes: where the instances are, for a task that looks at each of them: as for `Model.locator`.
    """

    stream: StreamOptions = field(default_factory=StreamOptions)
    save: Path | None = None
    numbered: bool = False
    overwrite: Annotated[bool, Option("Replace what an earlier run of that name wrote; other files never.")] = False
    write: Annotated[tuple[Kind, ...], Option("What goes into --save.")] = ("video", "jsonl")
    to: Annotated[
        tuple[str, ...],
        Option(
            "Where the records of frames go besides: sqlite:FILE, parquet:DIR, jsonl:FILE, mqtt://HOST/TOPIC, http://HOST/….",
            metavar="KIND:PLACE|URL,…",
        ),
    ] = ()
    rules: Annotated[
        Path | None,
        Option("Detections: lines and zones in a YAML file; what crosses and enters is told.", metavar="FILE"),
    ] = None
    start_from: StartSource = None
    max_frames: Annotated[int | None, Option("Stop after this many frames.", least=1)] = None
    max_pixels: Annotated[
        int, Option("Larger pictures are not decoded; default: 8192 x 4320.", metavar="N", least=1)
    ] = MAX_PIXELS
    compare: Annotated[bool, Option("Side by side: from scratch with the same iterations | streaming.")] = False
    live: LivePolicy = field(default_factory=LivePolicy)
    choice: Choice = field(default_factory=Choice)
    look: Look = field(default_factory=Look)
    boxes: Annotated[
        Any,
        Option(
            "Where the instances are, for poses: boxes in JSON, a detector, the labels of the data set that holds the "
            "source, or the whole frame (the default).",
            metavar="FILE|MODEL|labels|frame",
        ),
    ] = None
    allow_outside: Annotated[
        bool, Option("The files of a data set given as --boxes labels or --start-from may name others outside it.")
    ] = False

    def __post_init__(self) -> None:
        for name, value in (("max_frames", self.max_frames), ("max_pixels", self.max_pixels)):
            if value is not None:
                check_number(name, value, whole=True, least=1)
