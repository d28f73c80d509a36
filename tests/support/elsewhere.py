"""Makes this process one of a system that nobody has heard of: what only Linux, POSIX or x86 has is not there.

Run as `python elsewhere.py FILM FOLDER`: all of the package is imported there, a model answers, a film is read, drawn
on and written, a model trains, a state is saved. What torch and other libraries need of their system, they got before.
"""

import builtins
import importlib
import io
import json
import os
import pkgutil
import platform
import signal
import sys
from pathlib import Path
from typing import Any

#: Modules that some Python has not.
MISSING = ("fcntl", "resource", "termios", "tty", "pty", "pwd", "grp", "syslog")
#: What of `os` and `signal` only some systems have.
OS = (
    *("fork", "forkpty", "sched_getaffinity", "sched_setaffinity", "getuid", "geteuid", "getloadavg", "mkfifo"),
    *("setsid", "getpgid", "killpg", "pread", "pwrite", "posix_fadvise", "sysconf", "statvfs", "sendfile", "fchmod"),
    *("O_NOFOLLOW", "O_NONBLOCK", "O_DIRECTORY", "O_CLOEXEC"),
)
SIGNALS = ("SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGPIPE", "SIGALRM", "SIGQUIT", "SIGTSTP", "SIGWINCH")
TINY = ("--device", "cpu", "--quiet", "steps=1", "batch=1", "crop_hw=32,32")
SYSTEM_FOLDERS = ("/proc", "/sys", "/dev/shm")


def elsewhere() -> None:
    """From here on."""
    for name in MISSING:
        sys.modules[name] = None  # type: ignore[assignment]
    for name in OS:
        if name in vars(os):
            delattr(os, name)
    for name in SIGNALS:
        if name in vars(signal):
            delattr(signal, name)
    sys.platform = "elsewhere"
    platform.system = lambda: "Elsewhere"
    platform.machine = lambda: "riscv128"
    platform.processor = lambda: ""
    real_open, real_os_open = builtins.open, os.open

    def hidden(file: Any) -> bool:
        return isinstance(file, str | bytes | os.PathLike) and os.fsdecode(file).startswith(SYSTEM_FOLDERS)

    def opening(file: Any, *args: Any, **kwargs: Any) -> Any:
        if hidden(file):
            raise FileNotFoundError(2, "No such file or directory", str(file))
        return real_open(file, *args, **kwargs)

    def opening_low(path: Any, *args: Any, **kwargs: Any) -> int:
        if hidden(path):
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return real_os_open(path, *args, **kwargs)

    builtins.open = io.open = opening
    os.open = opening_low


def imported() -> list[str]:
    """Every module of the package that does not need an extra; the names of the extras' packages that are missing."""
    import streamdeq

    missing = set()
    for module in pkgutil.walk_packages(streamdeq.__path__, "streamdeq."):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            if str(error.name).startswith("streamdeq") or error.name in MISSING:
                raise
            missing.add(str(error.name))
    return sorted(missing)


def used(film: Path, folder: Path) -> dict[str, Any]:
    """What a user does."""
    import streamdeq
    from streamdeq.cli.main import COMMANDS, build, guarded

    model = streamdeq.load("street-s", device="cpu")
    with model.stream(iterations=1) as stream:
        residuals = [result.status.residual for result in stream.run(film)]
    state = model.begin(streamdeq.StreamOptions(iterations=1))
    import numpy as np

    _, state = model.step(np.zeros((48, 64, 3), np.uint8), state)
    state.save(folder / "state.safetensors")
    model.restore(folder / "state.safetensors")
    codes = {
        words[0]: guarded(build(COMMANDS), words)
        for words in (
            ["run", str(film), "--model", "street-s", "--save", str(folder / "out"), "--quiet"],
            ["train", "street-s", "--data", "synthetic:clips=1,frames=4", "--out", str(folder / "trained"), *TINY],
            ["doctor", "--json"],
        )
    }
    return {"residuals": residuals, "codes": codes}


if __name__ == "__main__":
    for needed in ("torch", "torchvision", "av", "PIL.Image", "multiprocessing.pool", "concurrent.futures", "asyncio"):
        importlib.import_module(needed)
    elsewhere()
    absent = imported()
    told = used(Path(sys.argv[1]), Path(sys.argv[2]))
    Path(sys.argv[2], "told.json").write_text(json.dumps({**told, "absent": absent, "platform": sys.platform}))
