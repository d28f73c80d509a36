"""Records in a SQLite file, which can be asked while it is written to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from streamdeq.results.sinks.base import RecordSink, SinkOptions
from streamdeq.results.store import Store
from streamdeq.values.numbers import check_above_zero


@dataclass(frozen=True, kw_only=True)
class Sqlite(SinkOptions):
    """Args:
    path: the file.
    keep_days: older records are deleted; None: never for that.
    keep_records: of more the oldest are deleted; None: never for that.
    """

    path: Path
    keep_days: float | None = 30.0
    keep_records: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("keep_days", "keep_records"):
            if (value := getattr(self, name)) is not None:
                check_above_zero(name, value)

    @classmethod
    def at(cls, place: str) -> Self:
        return cls(path=Path(place))

    @property
    def label(self) -> str:
        return f"sqlite:{self.path}"

    def open(self) -> RecordSink:
        return Table(Store(self.path, self.keep_days, self.keep_records))


class Table(RecordSink):
    def __init__(self, store: Store) -> None:
        self._store = store

    def write(self, item: Sequence[Mapping[str, Any]]) -> None:
        self._store.add(item)

    def close(self) -> None:
        self._store.close()
