"""A process that is forked instead of started is one of its own all the same."""

import os
import signal
import subprocess
import sys

import pytest
from support import forked

PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux")


def python(program: str, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return forked.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, **options)


def test_arguments_environment_folder_and_code_are_its_own(tmp_path) -> None:
    program = "import os, sys; print(sys.argv, os.getcwd(), os.environ['HERE'], os.getppid()); sys.exit(7)"
    done = python(program, "a b", cwd=tmp_path, env={**os.environ, "HERE": "yes"})
    assert (done.stdout, done.stderr) == (f"['-c', 'a b'] {tmp_path} yes {os.getpid()}\n", "")
    assert done.returncode == 7
    assert "HERE" not in os.environ


@linux
def test_what_was_imported_is_there_unless_python_would_start_otherwise() -> None:
    program = "import sys; print('torch' in sys.modules, sys.flags.utf8_mode)"
    assert python(program).stdout.startswith("True ")
    assert python(program, env={**os.environ, "PYTHONUTF8": "1"}).stdout == "False 1\n"


def test_it_hears_reads_and_dies_by_itself() -> None:
    program = "print(input(), flush=True); input()"
    with forked.Popen([sys.executable, "-c", program], **PIPES) as process:
        process.stdin.write("hello\n")
        process.stdin.flush()
        assert process.stdout.readline() == "hello\n"
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in process.communicate(timeout=60)[1]
    assert process.returncode == -signal.SIGINT


def test_an_error_is_one_and_the_next_process_knows_nothing_of_it() -> None:
    done = python("import streamdeq; streamdeq.mine = 1; 1 / 0")
    assert done.returncode == 1
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")
    assert python("import streamdeq; print('mine' in vars(streamdeq))").stdout == "False\n"
