"""The settings of a live source: which frames are handed out, time-outs and reconnection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal, get_args

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

    delivery: Delivery = "latest"
    max_staleness_s: float | None = None
    waiting: int = 32
    patience: Patience = field(default_factory=Patience)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.delivery not in get_args(Delivery):
            raise StreamdeqError(unknown("live policy", str(self.delivery), list(get_args(Delivery))))
        positive("waiting", self.waiting)
        if self.max_staleness_s is not None:
            positive("max_staleness_s", self.max_staleness_s)


class Backoff:
    """Seconds to wait before each attempt in a row: doubling, bounded, shortened by up to a half at random."""

    def __init__(self, patience: Patience, random: Random) -> None:
        self._first_s, self._longest_s = patience.first_delay_s, patience.longest_delay_s
        self._random = random
        self._bound_s = self._first_s

    def reset(self) -> None:
        self._bound_s = self._first_s

    def next_s(self) -> float:
        bound_s = min(self._bound_s, self._longest_s)
        self._bound_s = min(2 * bound_s, self._longest_s)
        return bound_s * self._random.uniform(0.5, 1.0)


def positive(name: str, value: float) -> None:
    if not value > 0:
        raise StreamdeqError(f"{name} must be above 0, got {value}: give another, or leave it out")
