"""What a place for records is: its options, and what they open."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from streamdeq.errors import StreamdeqError
from streamdeq.registry import Registry
from streamdeq.results.record import kind_of
from streamdeq.values.numbers import check_number
from streamdeq.video.sinks.base import Sink

#: Several records at once, in order: they are there when `write` returns, or it raises.
RecordSink = Sink[Sequence[Mapping[str, Any]]]


class RefusedError(StreamdeqError):
    """Records that will never be taken: to try again is of no use."""


@dataclass(frozen=True, kw_only=True)
class SinkOptions(ABC):
    """What every place takes.

    Args:
        records: which records go there.
        cameras: of these cameras alone; all if empty.
        waiting: records that may wait for it; beyond them the oldest are lost, and counted.
    """

    records: Literal["all", "results", "events"] = "all"
    cameras: tuple[str, ...] = ()
    waiting: int = 10_000

    def __post_init__(self) -> None:
        check_number("waiting", self.waiting, whole=True, least=1)

    def takes(self, record: Mapping[str, Any]) -> bool:
        wanted = self.records == "all" or self.records == f"{kind_of(record)}s"
        return wanted and (not self.cameras or record["camera"] in self.cameras)

    @classmethod
    @abstractmethod
    def at(cls, place: str) -> Self:
        """What is written as `KIND:PLACE`, or as an address."""

    @property
    @abstractmethod
    def label(self) -> str:
        """The place as it may be shown: without passwords."""

    @abstractmethod
    def open(self) -> RecordSink:
        """Nothing is connected yet: what is far away may be away.

        Raises:
            StreamdeqError: nothing can ever be written there, or a package is missing.
        """


SINKS: Registry[type[SinkOptions]] = Registry("kind of sink")


def missing_package(name: str, extra: str, what: str) -> StreamdeqError:
    return StreamdeqError(f"{what} needs the package {name}, which is not installed: pip install 'streamdeq[{extra}]'")
