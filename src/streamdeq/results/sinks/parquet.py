"""Records in Parquet files of a folder, with columns as the records' JSON schema says."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Self

from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path, ensure_folder, sweep
from streamdeq.results.record import Kind, kind_of, schema_of
from streamdeq.results.sinks.base import RecordSink, SinkOptions, missing_package
from streamdeq.values.numbers import check_above_zero, check_number
from streamdeq.video.sinks.base import unwritable
from streamdeq.video.sinks.jsonl import plain

#: The column of what the schema does not name, as JSON.
OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Parquet(SinkOptions):
    """Args:
    path: the folder; files in it stay. Results and events have files of their own.
    rows: a file is finished when it has so many, …
    every_s: … or when a record comes so long after its first. What is in no finished file, a kill loses.
    """

    path: Path
    rows: int = 50_000
    every_s: float = 60.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("rows", self.rows, whole=True, least=1)
        check_above_zero("every_s", self.every_s)

    @classmethod
    def at(cls, place: str) -> Self:
        return cls(path=Path(place))

    @property
    def label(self) -> str:
        return f"parquet:{self.path}"

    def open(self) -> RecordSink:
        return ParquetFolder(self)


class ParquetFolder(RecordSink):
    def __init__(self, options: Parquet) -> None:
        arrow()
        self._options = options
        self._folder = ensure_folder(options.path.expanduser())
        sweep(self._folder)
        self._waiting: dict[Kind, list[Mapping[str, Any]]] = {"result": [], "event": []}
        self._since_s: float | None = None
        self._number = 0

    def write(self, item: Sequence[Mapping[str, Any]]) -> None:
        # What is full is written first: if that fails, the new records were not taken, and are given again.
        late = self._since_s is not None and time.monotonic() - self._since_s >= self._options.every_s
        for kind, records in self._waiting.items():
            if records and (late or len(records) + len(item) > self._options.rows):
                self._finish(kind)
        if not any(self._waiting.values()):
            self._since_s = time.monotonic()
        for record in item:
            self._waiting[kind_of(record)].append(record)

    def close(self) -> None:
        for kind, records in self._waiting.items():
            if records:
                self._finish(kind)

    def _finish(self, kind: Kind) -> None:
        while True:
            self._number += 1
            path = self._folder / f"{kind}s-{datetime.now(UTC):%Y%m%dT%H%M%S}-{self._number:06d}.parquet"
            if not path.exists():
                break
        write_table(path, table(self._waiting[kind], kind))
        self._waiting[kind] = []


def write_table(path: Path, content: Any) -> None:
    """A whole Parquet file, or with a StreamdeqError none."""
    from pyarrow import parquet

    try:
        with atomic_path(path) as part:
            parquet.write_table(content, part, compression="zstd")
    except OSError as error:
        raise StreamdeqError(unwritable(path, error.strerror or str(error))) from error


def table(records: Sequence[Mapping[str, Any]], kind: Kind, more: Mapping[str, Any] | None = None) -> Any:
    """Records of a kind as a `pyarrow.Table`: the same columns whatever the records have.

    Args:
        more: by name, the Arrow types of columns that records have besides.
    """
    pa = arrow()
    columns = {**(more or {}), **{name: _type(pa, schema) for name, schema in schema_of(kind)["properties"].items()}}
    rows = []
    for record in records:
        row = plain(record)
        other = {key: row.pop(key) for key in row.keys() - columns.keys()}
        rows.append({**row, OTHER: json.dumps(other, ensure_ascii=False) if other else None})
    return pa.Table.from_pylist(rows, schema=pa.schema({**columns, OTHER: pa.string()}))


@cache
def arrow() -> Any:
    """The module pyarrow.

    Raises:
        StreamdeqError: it is not installed.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise missing_package("pyarrow", "parquet", "Parquet") from error
    return pyarrow


def _type(pa: Any, schema: Mapping[str, Any]) -> Any:
    """The Arrow type of a JSON schema."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    match next(kind for kind in kinds if kind != "null"):
        case "array":
            return pa.list_(_type(pa, schema["items"]))
        case "object" if "properties" in schema:
            return pa.struct({name: _type(pa, one) for name, one in schema["properties"].items()})
        case "object":
            return pa.map_(pa.string(), _type(pa, schema["additionalProperties"]))
        case simple:
            kinds = {"string": pa.string(), "number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_()}
            return kinds[simple]
