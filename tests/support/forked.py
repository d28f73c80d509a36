"""Processes of Python that need not import torch first (seconds, each): forked from one that has.

`Popen` and `run` are those of `subprocess`. A command `[sys.executable, "-m" | "-c" | FILE, …]` becomes a process of
its own, with its own files, signals and environment, and a child of the one that asks; only its imports are there
already. Anything else (another program, a locale of its own, …) is started as usual, and so is everything elsewhere
than on Linux.
"""

import atexit
import ctypes
import gc
import io
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
import types
from collections.abc import Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

#: What nearly every command imports sooner or later.
IMPORTED = (
    "av",
    "streamdeq.api",
    *(f"streamdeq.{name}" for name in ("cli.run", "running.run", "cli.train", "cli.eval")),
)
#: What a Python reads when it starts: where it differs, a fork is not the same. (Not LD_LIBRARY_PATH: importing OpenCV
#: sets it.)
READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_PRELOAD")
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
#: The longest request: the variables and arguments of a process.
REQUEST_BYTES = 1 << 20

#: The Pythons that are forked from, and the environments in which they start.
_starts = {sys.executable: dict(os.environ)}
_lock = Lock()


class Popen(subprocess.Popen[Any]):
    """A process, forked if that comes to the same."""

    def _execute_child(self, args: Any, executable: Any, preexec_fn: Any, close_fds: Any, *rest: Any) -> None:
        pass_fds, cwd, env, _, _, shell, *pipes = rest[:12]
        session, group = rest[17], rest[18]
        given = [args] if isinstance(args, str | bytes | os.PathLike) else [os.fsdecode(part) for part in args]
        if executable or preexec_fn or pass_fds or shell or group > -1 or not _alike(given, env):
            super()._execute_child(args, executable, preexec_fn, close_fds, *rest)  # type: ignore[misc]
            return
        told = {
            "arguments": given[1:],
            "cwd": os.path.abspath(os.fsdecode(cwd)) if cwd else os.getcwd(),
            "env": {os.fsdecode(k): os.fsdecode(v) for k, v in (os.environ if env is None else env).items()},
            "session": session,
        }
        theirs = (pipes[0], pipes[3], pipes[5])  # the other ends are ours
        files = [number if file == -1 else file for number, file in enumerate(theirs)]
        self.pid = _ask(given[0], told, files)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def run(command: Sequence[Any], *, timeout: float | None = None, check: bool = False, **options: Any) -> Any:
    """`subprocess.run`, but for `input`."""
    if options.pop("capture_output", False):
        options.update(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with Popen(command, **options) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(process.args, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


def _alike(command: list[Any], env: Any) -> bool:
    """Whether a fork does what the command would."""
    if sys.platform != "linux" or command[0] not in _starts or len(command) < 2:
        return False
    if command[1].startswith("-") and command[1] not in ("-c", "-m"):
        return False
    return _start_of(os.environ if env is None else env) == _start_of(_starts[command[0]])


def _start_of(env: Any) -> dict[str, str]:
    return {os.fsdecode(k): os.fsdecode(v) for k, v in env.items() if os.fsdecode(k).startswith(READ_AT_START)}


def also(executable: str, env: dict[str, str]) -> None:
    """Fork from this Python too, which has streamdeq in its path, where it would be started in this environment."""
    _starts[executable] = env


@cache
def _parent(executable: str) -> socket.socket:
    """The way to the process that has imported everything; it ends when this one does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, REQUEST_BYTES)
    with theirs:
        process = subprocess.Popen(
            [executable, __file__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
            env={**_starts[executable], "OMP_NUM_THREADS": "1"},
        )
    atexit.register(lambda: (ours.close(), process.wait()))
    return ours


@contextmanager
def _adopting():
    """Orphans of our children become our children."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(SUBREAPER, 0, 0, 0, 0)


def _ask(executable: str, told: dict[str, Any], files: list[int]) -> int:
    with _lock, _adopting():
        parent = _parent(executable)
        socket.send_fds(parent, [json.dumps(told).encode()], files)
        answer = parent.recv(100)
    if not answer:
        raise RuntimeError("the process that forks has ended: see its errors above")
    return int(answer)


# -- in the process that forks ---------------------------------------------------------------------------------


def _serve(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Fork for each request; returns in the forked process alone."""
    while True:
        message, files, _, _ = socket.recv_fds(channel, REQUEST_BYTES, 3)
        if not message:
            os._exit(0)
        read, write = os.pipe()
        if not (between := os.fork()):
            os.close(read)
            parent = os.getpid()
            if not (pid := os.fork()):
                os.close(write)
                while os.getppid() == parent:  # until it is adopted
                    time.sleep(0.001)
                channel.close()
                return json.loads(message), files
            os.write(write, str(pid).encode())
            os._exit(0)
        os.close(write)
        os.waitpid(between, 0)  # from now on the child's parent is the one that asks
        for file in files:
            os.close(file)
        channel.send(os.read(read, 100))
        os.close(read)


def _become(told: dict[str, Any], files: list[int]) -> None:
    """What the kernel and a Python do at the start of a process."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if told["session"]:
        os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(told["cwd"])
    os.environ.clear()
    os.environ.update(told["env"])
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        usual: Any = getattr(sys, name)
        text = {"encoding": usual.encoding, "errors": usual.errors}
        if name == "stdin":
            new: Any = io.TextIOWrapper(io.BufferedReader(io.FileIO(number, "r", closefd=False)), **text)
        else:
            new = io.TextIOWrapper(io.BufferedWriter(io.FileIO(number, "w", closefd=False)), **text)
            new.reconfigure(line_buffering=name == "stderr" or new.isatty(), write_through=usual.write_through)
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)


def _go(arguments: list[str]) -> None:
    """`python ARGUMENTS…`"""
    kind, *rest = arguments
    if kind == "-m":
        sys.argv[:] = rest
        sys.path.insert(0, os.getcwd())
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv[:] = ["-c", *rest[1:]]
        sys.path.insert(0, "")
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), main.__dict__)
    else:
        sys.argv[:] = arguments
        sys.path.insert(0, os.path.dirname(os.path.abspath(kind)))
        runpy.run_path(kind, run_name="__main__")


def _begin() -> None:
    """Until a process is asked for: imports, and nothing that would be another's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests and what they start
    sys.path.pop(0)  # this file's folder
    for name in IMPORTED:
        import_module(name)
    gc.freeze()


if __name__ == "__main__":
    _begin()
    _become(*(request := _serve(socket.socket(fileno=int(sys.argv[1])))))
    _go(request[0]["arguments"])
