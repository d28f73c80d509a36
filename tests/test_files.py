"""Files that appear whole or not at all, and folders that one process holds."""

import subprocess
import sys
import threading

import pytest

from streamdeq.errors import StreamdeqError
from streamdeq.files import LOCK, atomic_path, held, sweep, whole_folder

#: Begins a file and says so; ends when its input does.
WRITER = """
import sys
from streamdeq.files import atomic_path
with atomic_path(sys.argv[1]) as part:
    print(part, flush=True)
    sys.stdin.read()
"""
HOLDER = """
import sys
from streamdeq.files import held
with held(sys.argv[1], "works in", "another"):
    print("held", flush=True)
    sys.stdin.read()
"""


MAKER = """
import pathlib, sys
from streamdeq.files import whole_folder
with whole_folder(pathlib.Path(sys.argv[1])) as part:
    (part / "half").write_text("half")
    print(part, flush=True)
    sys.stdin.read()
"""


def started(program, *arguments):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", program, *map(str, arguments)], text=True, **pipes)
    assert process.stdout.readline()
    return process


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_gets_its_name_when_it_is_whole_and_none_if_writing_it_fails(tmp_path):
    with atomic_path(tmp_path / "log.txt") as part:
        part.write_text("half")
        [name] = names(tmp_path)
        assert name.startswith(".log.part-")
        assert name.endswith(".txt")
    with pytest.raises(LookupError), atomic_path(tmp_path / "log.txt") as part:  # noqa: PT012
        part.write_text("other")
        raise LookupError
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("log.txt", "half")]


def test_two_writers_of_one_file_do_not_meet_before_it_is_whole(tmp_path):
    final = tmp_path / "a.txt"
    with atomic_path(final) as one:
        with atomic_path(final) as other:
            assert one != other
            one.write_text("one")
            other.write_text("other")
        assert final.read_text() == "other"
    assert final.read_text() == "one"
    assert names(tmp_path) == ["a.txt"]


def test_what_a_dead_process_left_half_written_is_swept_away_and_nothing_else(tmp_path):
    stay = ["a.txt", "a.part-01234567.txt", ".a.part-x.txt", "a.unfinished.mp4"]
    for name in (*stay, ".b.c.part-01234567", "a.unfinished-89abcdef.mp4"):
        (tmp_path / name).touch()
    (tmp_path / ".d.part-01234567").symlink_to(tmp_path / "a.txt")
    killed, living = (started(WRITER, tmp_path / "log.txt") for _ in range(2))
    killed.kill()
    killed.communicate()
    sweep(tmp_path)
    left = set(names(tmp_path)) - {*stay, ".d.part-01234567"}
    assert len(left) == 1  # the file of whoever lives
    living.communicate("")
    assert names(tmp_path) == sorted([*stay, ".d.part-01234567", "log.txt"])


def test_a_folder_gets_its_name_when_it_is_whole_and_takes_away_what_killed_makers_left(tmp_path):
    final = tmp_path / "set"
    killed, living = (started(MAKER, final) for _ in range(2))
    killed.kill()
    killed.communicate()
    (tmp_path / ".set.part-0123").mkdir()  # nobody's
    (tmp_path / ".set.part-01234567").mkdir()  # without a lock: of another version, or just begun
    assert len(names(tmp_path)) == 4
    with whole_folder(final) as part:
        (part / "a.txt").write_text("a")
        assert len(names(tmp_path)) == 4  # of the living maker and this one, and the two
    assert names(final) == ["a.txt"]
    living.communicate("")
    assert living.returncode == 1  # the name is taken by now
    assert names(tmp_path) == [".set.part-0123", ".set.part-01234567", "set"]
    assert names(final) == ["a.txt"]


def test_a_folder_is_held_by_one_process_or_thread_and_free_when_it_ends_or_is_killed(tmp_path):
    folder = tmp_path / "out"
    process = started(HOLDER, folder)
    with pytest.raises(StreamdeqError, match=r"another process works in .*/out; wait for its end"):
        held(folder, "works in", "another").__enter__()
    process.kill()
    process.communicate()
    with held(folder, "works in", "another"):
        refused = []

        def try_it():
            try:
                held(folder, "works in", "another").__enter__()
            except StreamdeqError as error:
                refused.append(error)

        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
        assert len(refused) == 1
        assert names(folder) == [LOCK]
    assert names(folder) == []
