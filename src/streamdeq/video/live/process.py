"""Start, talk to and end the process that reads one connection of a live source."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import BinaryIO

from streamdeq.video.live.messages import Channel, Job, Message

MODULE = "streamdeq.video.live.reader"
# After its last message a process is gone in milliseconds by itself.
EXIT_S = 0.1
# A killed process is gone in milliseconds, unless it hangs in a driver; then nobody can do more.
KILLED_S = 0.3
LAST_STDERR_BYTES = 2000


class ReaderProcess:
    """Reads one connection. A fresh interpreter that imports the video room alone, not the program's main module.

    (multiprocessing's own way, "spawn", would import the main module again: a script that loads torch would load
    it once per camera, and one without a guard would start itself.)

    Raises:
        OSError: no process can be started.
    """

    def __init__(self, job: Job) -> None:
        parent_end, child_end = socket.socketpair()
        self._stderr: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `end`)
        try:
            self._process = subprocess.Popen(
                # -P: a file called av.py in the working folder is not PyAV.
                [sys.executable, "-P", "-m", MODULE, str(child_end.fileno()), str(os.getpid())],
                pass_fds=[child_end.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                env=environment(),
                # Ctrl-C in a terminal goes to a whole group; who ends this process is its parent.
                process_group=0,
            )
        except BaseException:
            parent_end.close()
            self._stderr.close()
            raise
        finally:
            child_end.close()
        self._channel = Channel(parent_end)
        with suppress(ConnectionError):  # it ended at once: `receive` tells
            self._channel.send(job)

    @property
    def pid(self) -> int:
        return self._process.pid

    def waiting(self, timeout_s: float) -> bool:
        """True when there is something to receive, or the end."""
        return self._channel.waiting(timeout_s)

    def receive(self) -> tuple[Message, int | None] | None:
        """The next message, and the descriptor that came with it; None when the process has ended."""
        try:
            return self._channel.receive()
        except ConnectionError:
            return None

    def ask_to_end(self) -> None:
        """It ends by itself, and hangs up on the camera, if it is not stuck."""
        with suppress(OSError):
            self._channel.end()

    def kill(self) -> None:
        """What it has sent can still be received."""
        with suppress(OSError):
            self._process.kill()

    def end(self) -> str:
        """Kill it if it still runs, and give everything back. Returns how it ended, if that was a crash."""
        try:
            self._process.wait(EXIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(KILLED_S)
        self._channel.close()
        with self._stderr:
            self._stderr.seek(max(0, self._stderr.seek(0, os.SEEK_END) - LAST_STDERR_BYTES))
            lines = self._stderr.read().decode(errors="replace").split("\n")
        code = self._process.poll()
        said = next((line.strip() for line in reversed(lines) if line.strip()), f"code {code}")
        return "" if code in (0, None, -signal.SIGKILL) else f"the reading process crashed ({said})"


def environment() -> dict[str, str]:
    """The reader finds the same modules, and does not start threads for algebra that it never does."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
