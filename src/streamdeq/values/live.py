"""What to do with a source that runs whether or not somebody looks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

Delivery = Literal["latest", "every"]


@dataclass(frozen=True)
class Patience:
    """How long to wait for a source, and how often to try again.

    Attributes:
        open_timeout_s: seconds until the source must be there. One that listens waits for its publisher, however
            long, and begins anew once a minute, in case it talks to somebody who keeps silent.
        read_timeout_s: seconds without a frame after which it counts as lost; None: 5, and 20 for what comes in
            pieces over the web.
        first_delay_s, longest_delay_s: wait so long before the first and at most before any later attempt; the
            delay doubles, and each is shortened by up to a half at random, so that many cameras do not come at once.
        max_attempts: give up after so many attempts in a row that brought no frame; None: never for that.
        give_up_s: give up after so many seconds without a frame; None: never for that.
    """

    open_timeout_s: float = 10.0
    read_timeout_s: float | None = None
    first_delay_s: float = 0.5
    longest_delay_s: float = 30.0
    max_attempts: int | None = None
    give_up_s: float | None = 120.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None:
                positive(name, value)


@dataclass(frozen=True)
class LivePolicy:
    """Which frames of a live source are handed out. A recording on a web server is read whole whatever it says.

    Attributes:
        delivery: "latest": the freshest frame there is when one is asked for; older ones are dropped. "every": all,
            in order; when `waiting` frames wait, the oldest is dropped for the next. What is dropped is counted.
        max_staleness_s: frames that arrived longer ago than this are dropped instead of handed out; None: any age.
        waiting: how many frames may wait with "every"; with their size, the memory they may take.
        patience: time-outs and attempts.
        options: further options for FFmpeg, by its names: `{"rtsp_transport": "udp"}`, `{"video_size": "1280x720"}`.
            Never shown, for they may hold secrets (`{"headers": "Authorization: …"}`).
    """

    delivery: Annotated[
        Delivery,
        Option("Of a live source: the freshest frame, or every one; what is dropped is counted.", name="policy"),
    ] = "latest"
    max_staleness_s: Annotated[
        float | None,
        Option("Drop frames of a live source that arrived longer ago.", name="max_staleness", metavar="S"),
    ] = None
    waiting: int = 32
    patience: Patience = field(default_factory=Patience)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.delivery not in get_args(Delivery):
            raise StreamdeqError(unknown("live policy", str(self.delivery), list(get_args(Delivery))))
        positive("waiting", self.waiting)
        if self.max_staleness_s is not None:
            positive("max_staleness_s", self.max_staleness_s)


def positive(name: str, value: float) -> None:
    if not value > 0:
        raise StreamdeqError(f"{name} must be above 0, got {value}: give another, or leave it out")
