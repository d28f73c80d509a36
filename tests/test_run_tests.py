"""`tools/run_tests.py`: several pytest processes, every test once, one summary."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = ["tests/test_files.py", "tests/test_reading.py", "tests/test_registry.py"]


def run(*arguments: str, jobs: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "tools/run_tests.py", "-q", *arguments]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "JOBS": str(jobs)}, capture_output=True, text=True)


def test_two_processes_run_every_test_once_and_the_last_line_counts_them() -> None:
    program = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *FILES]
    listed = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True).stdout.count("::")
    done = run(*FILES, jobs=2)
    assert done.returncode == 0, done.stdout
    last = done.stdout.splitlines()[-1]
    assert re.fullmatch(rf"=+ {listed} passed in \d+s \(\d+:\d\d\) =+", last)


def test_what_fails_is_named_at_the_end_and_is_the_exit_code(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text("def test_bad():\n    assert 1 == 2\n\ndef test_good():\n    pass\n")
    done = run(str(tmp_path / "test_one.py"), FILES[1], jobs=2)
    assert done.returncode == 1
    *_, named, last = done.stdout.splitlines()
    assert re.match(r"FAILED .*::test_bad", named)
    assert re.fullmatch(r"=+ 1 failed, \d+ passed in .*=+", last)


def test_what_a_process_had_not_done_when_a_signal_ended_it_is_run_again_and_told(tmp_path: Path) -> None:
    once = tmp_path / "once"
    (tmp_path / "test_one.py").write_text(
        "import os, pathlib, signal\n\n"
        "def test_a():\n    pass\n\n"
        f"def test_b():\n    once = pathlib.Path({str(once)!r})\n"
        "    if not once.exists():\n        once.touch()\n        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = run(str(tmp_path / "test_one.py"), FILES[1], jobs=1)
    assert done.returncode == 0, done.stdout
    *_, said, last = done.stdout.splitlines()
    assert re.fullmatch(r"a process was ended by SIGKILL; run again by themselves: \S*test_one.py( \S+)?", said)
    listed = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", FILES[1]]
    count = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.count("::") + 2
    assert re.fullmatch(rf"=+ {count} passed in \d+s \(\d+:\d\d\) =+", last)


def test_a_command_beside_the_tests_that_fails_ends_them() -> None:
    done = run("--beside", "echo no style; exit 3", *FILES, jobs=1)
    assert done.returncode == 3
    assert done.stdout.splitlines()[-2:] == ["no style", "echo no style; exit 3: failed, and the tests were stopped"]
