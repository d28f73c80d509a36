"""A SQLite file of records: one writer, any number of readers at the same time (WAL), and one query."""

import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from streamdeq.errors import StreamdeqError
from streamdeq.files import ensure_folder
from streamdeq.results.record import Record, as_text, classes_of, kind_of
from streamdeq.values.numbers import check_number

#: "sdeq": whose file it is; and the form of its tables.
APPLICATION, VERSION = 0x73646571, 1
TABLES = """
CREATE TABLE records (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, camera TEXT NOT NULL, kind TEXT NOT NULL, record TEXT NOT NULL);
CREATE INDEX records_at ON records (at);
CREATE INDEX records_camera ON records (camera, at);
CREATE TABLE classes (
    class TEXT NOT NULL, record INTEGER NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    PRIMARY KEY (class, record)) WITHOUT ROWID;
CREATE INDEX classes_record ON classes (record);
"""
DAY_S = 86_400.0
#: What is too old is deleted so often, and so many at once: a write never waits long.
PRUNE_S, PRUNED = 10.0, 5_000
MOST = 10_000


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which records are wanted; None: whatever.

    Args:
        since, until: seconds since 1970; from `since` on, before `until`.
        class_: a class that the record tells of.
        limit: so many at most, the newest; up to 10,000.
    """

    camera: str | None = None
    since: float | None = None
    until: float | None = None
    class_: str | None = None
    kind: Literal["result", "event"] | None = None
    limit: int = 100

    def __post_init__(self) -> None:
        check_number("limit", self.limit, whole=True, least=1)
        if self.limit > MOST:
            raise StreamdeqError(f"limit must be at most {MOST}, got {self.limit}; ask in parts, with until")
        for name in ("since", "until"):
            if (value := getattr(self, name)) is not None:
                check_number(name, value)


class Store:
    """The file, to write to. A writer that is killed loses nothing that `add` has returned from.

    Args:
        keep_days, keep_records: what is older, or too many, is deleted as records come; None: nothing for that.
        now: the time, seconds since 1970.

    Raises:
        StreamdeqError: it cannot be written, or is another program's.
    """

    def __init__(
        self,
        path: Path,
        keep_days: float | None = None,
        keep_records: int | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.path = Path(path).expanduser()
        self._keep_days, self._keep_records, self._now = keep_days, keep_records, now
        self._prune_at = 0.0
        ensure_folder(self.path.parent)
        try:
            # Opened by who makes it, written to by the thread of its buffer: one at a time.
            self._file = sqlite3.connect(self.path, timeout=10, check_same_thread=False)
            self._prepare()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        """All of them or, with an error, none."""
        try:
            with self._file:
                for record in records:
                    row = (record["at"], record["camera"], kind_of(record), as_text(record))
                    number = self._file.execute(
                        "INSERT INTO records (at, camera, kind, record) VALUES (?, ?, ?, ?)", row
                    ).lastrowid
                    named = [(name, number) for name in classes_of(record)]
                    self._file.executemany("INSERT INTO classes VALUES (?, ?)", named)
            if self._now() >= self._prune_at:
                self._prune()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def close(self) -> None:
        self._file.close()

    def _prepare(self) -> None:
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = NORMAL")
        self._file.execute("PRAGMA foreign_keys = ON")
        if not self._file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            self._file.executescript(
                f"BEGIN; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; {TABLES} COMMIT;"
            )
        marks = [self._file.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        if marks != [APPLICATION, VERSION]:
            self._file.close()
            raise StreamdeqError(f"{self.path} is a database, but none of this version's results; choose another file")

    def _prune(self) -> None:
        """Delete some of what is not to be kept; soon more, where there is more."""
        deleted = 0
        with self._file:
            if self._keep_days is not None:
                oldest = self._now() - self._keep_days * DAY_S
                old = "SELECT id FROM records WHERE at < ? ORDER BY at LIMIT ?"
                deleted += self._file.execute(f"DELETE FROM records WHERE id IN ({old})", (oldest, PRUNED)).rowcount
            if self._keep_records is not None:
                count = self._file.execute("SELECT count(*) FROM records").fetchone()[0] - self._keep_records
                old = "SELECT id FROM records ORDER BY at, id LIMIT ?"
                some = min(max(count, 0), PRUNED)
                deleted += self._file.execute(f"DELETE FROM records WHERE id IN ({old})", (some,)).rowcount
        self._prune_at = self._now() + (0 if deleted >= PRUNED else PRUNE_S)

    def _failed(self, error: sqlite3.Error) -> StreamdeqError:
        return StreamdeqError(f"cannot write {self.path}: {error}; free some space or choose another place")


def find(path: Path, query: Query) -> list[Record]:
    """The newest records that fit, the newest first. For any thread, and while somebody writes.

    Raises:
        StreamdeqError: there is no such file, or it is another program's.
    """
    wanted = {
        "r.camera = ?": query.camera,
        "r.at >= ?": query.since,
        "r.at < ?": query.until,
        "r.kind = ?": query.kind,
        "r.id IN (SELECT record FROM classes WHERE class = ?)": query.class_,
    }
    given = {condition: value for condition, value in wanted.items() if value is not None}
    where = f"WHERE {' AND '.join(given)}" if given else ""
    text = f"SELECT r.record FROM records r {where} ORDER BY r.at DESC, r.id DESC LIMIT ?"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=10)) as file:
            rows = file.execute(text, (*given.values(), query.limit)).fetchall()
    except sqlite3.Error as error:
        raise StreamdeqError(f"cannot read {path}: {error}; expected a file that the sink sqlite wrote") from error
    return [json.loads(row) for (row,) in rows]
