"""How the pytest processes of tools/run_tests.py share the test files: each takes the next that nobody has taken.

A process knows all tests and runs those of its files, so that all end at about the same time on any machine. What it
took and how that ended stands in a folder: a process that is ended by a signal says nothing more itself.
"""

import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

#: The variable that names the folder in which files are taken; without it a process runs all tests.
TAKEN = "STREAMDEQ_TESTS_TAKEN"
#: Files whose tests take long, the longest first: whoever takes one near the end keeps the others waiting.
LONG = (
    "docs/test_extend.py",
    "training/test_parallel.py",
    "runtime/test_executors.py",
    "edge/test_distribution.py",
    "training/test_divergence.py",
    "cli/test_readers_of_output.py",
    "cli/test_interrupted.py",
    "evaluation/test_compare.py",
    "training/test_kills.py",
    "test_wheel.py",
    "test_portable.py",
    "test_plugins.py",
    "test_end_to_end.py",
    "docs/test_pages.py",
)
TESTS = Path(__file__).resolve().parents[1]


def order(file: Path) -> tuple[int, int, Path]:
    """Long files first, then large ones."""
    name = named(file)
    return LONG.index(name) if name in LONG else len(LONG), -file.stat().st_size, file


def named(file: Path) -> str:
    return Path(os.path.relpath(file, TESTS)).as_posix()


def mark_of(file: Path, folder: Path) -> Path:
    """Says who has taken a file: `PID`, and behind it how many of its tests have run once all have, none failing."""
    return folder / named(file).replace("/", "+")


def taken(files: dict[Path, list[pytest.Item]], folder: Path) -> Iterator[tuple[Path, list[pytest.Item]]]:
    """The files that this process is the first to take, one after another, with their tests."""
    for file in sorted(files, key=order):
        try:
            with mark_of(file, folder).open("x") as mark:
                mark.write(f"{os.getpid()}")
        except FileExistsError:
            continue
        yield file, files[file]


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """pytest's own loop, over the files that are taken on the way."""
    folder = os.environ.get(TAKEN)
    if not folder or session.testsfailed or session.config.option.collectonly:
        return None
    files = {path: list(items) for path, items in groupby(session.items, key=lambda item: item.path)}
    for file, items in taken(files, Path(folder)):
        failed = session.testsfailed
        # After a file's last test everything but the session's own is taken down: which file comes next is not known.
        for item, following in zip(items, [*items[1:], session], strict=True):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
        if session.testsfailed == failed:
            mark_of(file, Path(folder)).write_text(f"{os.getpid()} {len(items)}")
    return True
