"""Records in Parquet files of a folder, with columns as the records' JSON schema says."""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
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
#: Rows of a file that are written at once; the name of the figures in its footer.
GROUP, COUNTS = 5_000, "streamdeq"


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


def table(records: Sequence[Mapping[str, Any]], kind: Kind) -> Any:
    """Records of a kind as a `pyarrow.Table`: the same columns whatever the records have."""
    columns, rows = _columns(kind), []
    for record in records:
        row = plain(record)
        other = {key: row.pop(key) for key in row.keys() - set(columns.names)}
        rows.append({**row, OTHER: json.dumps(other, ensure_ascii=False) if other else None})
    return arrow().Table.from_pylist(rows, schema=columns)


class RowGroups:
    """A Parquet file of records of a kind that is written as they come, with figures about all of them.

    As a context manager: without an error it gets its name, with one nothing is left of it.

    Attributes:
        counts: figures that `counts_of` reads again.
    """

    def __init__(self, path: Path, kind: Kind) -> None:
        arrow()
        self._path = path
        self._kind: Kind = kind
        self._rows: list[Mapping[str, Any]] = []
        self._files = ExitStack()
        self.counts: dict[str, int] = {}

    def __enter__(self) -> Self:
        from pyarrow import parquet

        part = self._files.enter_context(atomic_path(self._path))
        writer = parquet.ParquetWriter(part, _columns(self._kind), compression="zstd")
        self._writer = self._files.enter_context(writer)
        return self

    def write(self, record: Mapping[str, Any]) -> None:
        self._rows.append(record)
        if len(self._rows) == GROUP:
            self._flush()

    def __exit__(self, *error: Any) -> None:
        try:
            if error[0] is None:
                self._flush()
                self._writer.add_key_value_metadata({COUNTS: json.dumps(self.counts)})
        finally:
            self._files.__exit__(*error)

    def _flush(self) -> None:
        self._writer.write_table(table(self._rows, self._kind))
        self._rows = []


def counts_of(path: Path) -> dict[str, int]:
    """The figures that a file of `RowGroups` ends with.

    Raises:
        StreamdeqError: it is no such file.
    """
    from pyarrow import ArrowException, parquet

    try:
        return json.loads(parquet.read_metadata(path).metadata[COUNTS.encode()])
    except (OSError, ArrowException, KeyError, TypeError, ValueError) as error:
        raise StreamdeqError(f"{path} is not what was written there; delete it, and it is made again") from error


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


@cache
def _columns(kind: Kind) -> Any:
    pa = arrow()
    named = {name: _type(pa, schema) for name, schema in schema_of(kind)["properties"].items()}
    return pa.schema({**named, OTHER: pa.string()})


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
