"""How the pytest processes of tools/run_tests.py share the test files: each takes the next that nobody has taken.

A process knows all tests and runs those of its files, so that all end at about the same time on any machine.
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


def taken(files: dict[Path, list[pytest.Item]], folder: Path) -> Iterator[list[pytest.Item]]:
    """The tests of the files that this process is the first to take, one file after another."""
    for file in sorted(files, key=order):
        try:
            (folder / named(file).replace("/", "+")).touch(exist_ok=False)
        except FileExistsError:
            continue
        yield files[file]


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """pytest's own loop, over the files that are taken on the way."""
    folder = os.environ.get(TAKEN)
    if not folder or session.testsfailed or session.config.option.collectonly:
        return None
    files = {path: list(items) for path, items in groupby(session.items, key=lambda item: item.path)}
    for items in taken(files, Path(folder)):
        # After a file's last test everything but the session's own is taken down: which file comes next is not known.
        for item, following in zip(items, [*items[1:], session], strict=True):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
    return True
