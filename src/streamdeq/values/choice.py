"""What a user wants of the answers to a video."""

from dataclasses import dataclass
from typing import Annotated

from streamdeq.codec import Option


@dataclass(frozen=True)
class Choice:
    """Which instances are shown and written; `conf` is None for the task's own least score, `classes` () for all."""

    conf: Annotated[
        float | None, Option("Detections (of --boxes, too): the least score, 0-1, to show; default 0.5.")
    ] = None
    classes: Annotated[tuple[str, ...], Option("Detections: these classes alone.", metavar="NAME,NAME,…")] = ()
    track: Annotated[bool, Option("Detections: ids that last over frames; needs the extra 'track'.")] = False
