"""The SQLite store: what is asked for comes back, the newest first; old records go; a killed writer loses nothing."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.records import event, record, seen

from streamdeq.errors import StreamdeqError
from streamdeq.results.store import DAY_S, Query, Store, find


def indices(path: Path, **wanted) -> list[int]:
    return [one["index"] for one in find(path, Query(**wanted))]


def test_records_are_found_by_camera_time_class_and_kind(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "results.db"
    store = Store(path)
    store.add([record(0, objects=seen("car", "person")), record(1, "yard", objects=seen("car"))])
    store.add([record(2, shares={"road": 0.5}), event(3), record(4, "yard", top=seen("cat"))])
    assert indices(path) == [4, 3, 2, 1, 0]
    assert indices(path, limit=2) == [4, 3]
    assert indices(path, camera="yard") == [4, 1]
    assert indices(path, since=1001, until=1003) == [2, 1]
    assert indices(path, class_="car") == [3, 1, 0]
    assert indices(path, class_="road") == [2]
    assert indices(path, class_="cat", camera="yard", kind="result") == [4]
    assert indices(path, kind="event") == [3]
    assert indices(path, camera="'; DROP TABLE records; --") == []
    assert find(path, Query(limit=1, until=1001)) == [record(0, objects=seen("car", "person"))]
    store.close()


def test_what_is_too_old_or_too_much_is_deleted_as_records_come(tmp_path: Path) -> None:
    now = [1000.0]
    store = Store(tmp_path / "a.db", keep_days=1, now=lambda: now[0])
    store.add([record(n, objects=seen("car")) for n in range(10)])
    now[0] = 1005 + DAY_S
    store.add([record(99, at=now[0])])
    assert indices(store.path) == [99, 9, 8, 7, 6, 5]
    assert store._file.execute("SELECT count(*) FROM classes").fetchone() == (5,)
    store.close()
    few = Store(tmp_path / "b.db", keep_records=3)
    few.add([record(n) for n in range(10)])
    assert indices(few.path) == [9, 8, 7]
    few.close()


def test_a_batch_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db")
    with pytest.raises(KeyError):
        store.add([record(0), {"schema": "no camera"}])
    assert indices(store.path) == []
    store.close()


def test_readers_read_while_it_is_written(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db")
    store.add([record(0)])
    stop, counts = threading.Event(), []

    def read():
        while not stop.is_set():
            counts.append(len(find(store.path, Query(limit=10_000))))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for n in range(1, 100):
        store.add([record(n)])
    stop.set()
    for reader in readers:
        reader.join()
    store.close()
    assert all(1 <= count <= 100 for count in counts)
    assert len(find(store.path, Query())) == 100


WRITER = """
import sys
from pathlib import Path
from support.records import record
from streamdeq.results.store import Store
store = Store(Path(sys.argv[1]))
for n in range(10**9):
    store.add([record(2 * n), record(2 * n + 1)])
    print(2 * n + 1, flush=True)
"""


@pytest.mark.slow  # a process that imports torch
def test_a_killed_writer_loses_nothing_that_it_said_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    tests = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=tests, text=True) as writer:
        said = [int(writer.stdout.readline()) for _ in range(50)][-1]
        os.kill(writer.pid, signal.SIGKILL)
        said = max([said, *map(int, writer.stdout.read().split())])
    found = sorted(indices(path, limit=10_000))
    assert found == list(range(len(found)))
    assert said < len(found) <= said + 3
    store = Store(path)
    store.add([record(9_999)])
    store.close()


def test_another_programs_database_is_refused_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    theirs = sqlite3.connect(path)
    theirs.execute("CREATE TABLE invoices (id)")
    theirs.commit()
    theirs.close()
    with pytest.raises(StreamdeqError, match="none of this version's results; choose another file"):
        Store(path)
    (tmp_path / "text.db").write_text("no database at all, but text of some length")
    with pytest.raises(StreamdeqError, match=r"cannot write .*text\.db: file is not a database"):
        Store(tmp_path / "text.db")
    with pytest.raises(StreamdeqError, match=r"cannot read .*none\.db"):
        find(tmp_path / "none.db", Query())
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 10_001}, {"since": float("nan")}, {"limit": True}])
def test_a_query_that_means_nothing_is_refused(wrong: dict) -> None:
    with pytest.raises(StreamdeqError):
        Query(**wrong)
