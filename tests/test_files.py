"""Files that appear whole or not at all."""

import os
import subprocess
import sys

import pytest

from streamdeq.files import atomic_path, sweep


def test_a_file_gets_its_name_when_it_is_whole_and_none_if_writing_it_fails(tmp_path):
    with atomic_path(tmp_path / "log.txt") as part:
        part.write_text("half")
        assert [path.name for path in tmp_path.iterdir()] == [f".log.part-{os.getpid()}.txt"]
    with pytest.raises(LookupError), atomic_path(tmp_path / "log.txt") as part:  # noqa: PT012
        part.write_text("other")
        raise LookupError
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("log.txt", "half")]


def test_what_a_dead_process_left_half_written_is_swept_away_and_nothing_else(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stay = [f".a.part-{os.getpid()}.txt", f".a.part-{os.getppid()}", "a.txt", f"a.part-{dead.pid}.txt", ".a.part-x.txt"]
    for name in (*stay, f".a.part-{dead.pid}.txt", f".b.c.part-{dead.pid}"):
        (tmp_path / name).touch()
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(stay)
