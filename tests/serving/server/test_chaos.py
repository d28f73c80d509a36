"""Minutes of everything going wrong at once: nothing is lost, nothing grows, nothing is left behind.

Ten of them; `STREAMDEQ_CHAOS_S=60` is a short version.
"""

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from support.cameras import pictures, until
from support.processes import alive
from support.publishing import TESTS, Publisher, free_port, tcp
from support.small_files import image_folder, tiny_weights

SECONDS = float(os.environ.get("STREAMDEQ_CHAOS_S", "600"))
FAR = 2
MOST_GROWTH = 1.05


class Process:
    """The server in its process, and what it has told last."""

    def __init__(self, folder: Path, weights: Path, ports: list[int]) -> None:
        command = [sys.executable, "-W", "error", "-m", "support.chaos_server", str(folder), str(weights)]
        self.process = subprocess.Popen(
            [*command, *map(str, ports)], cwd=TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.told: list[dict[str, Any]] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        until(lambda: bool(self.told), 60)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with suppress(ValueError):  # the line that it was killed in
                self.told.append(json.loads(line))

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    @property
    def readers(self) -> list[int]:
        return self.told[-1]["readers"]

    def answered(self, name: str) -> int:
        return self.told[-1]["cameras"][name]["processed"]

    @property
    def stored(self) -> int:
        """Answers that the file of results is said to have got from this server."""
        return next(report["written"] for label, report in self.told[-1]["written"].items() if "http" not in label)

    def kill(self) -> None:
        """As by `kill -9`; whoever read for it goes too, who had just begun as soon as it has read its own modules."""
        readers = self.readers
        self.process.kill()
        self._close()
        until(lambda: not any(alive(pid) for pid in readers))

    def end(self) -> dict[str, Any]:
        """In order; what it told last."""
        self.say("end")
        assert self.process.wait(30) == 0
        self._close()
        return self.told[-1]

    def _close(self) -> None:
        self._reading.join()
        self.process.__exit__(None, None, None)


class World:
    """What goes on around the server, by lot."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._random = folder, random.Random(seed)
        self._weights = [tiny_weights(folder / f"{n}.safetensors", n) for n in range(2)]
        self._ports = [free_port() for _ in range(FAR)]
        self._publishers: list[Publisher | None] = [None] * FAR
        self.kills = self.stored = 0
        self.server = self._start()

    def _start(self) -> Process:
        return Process(self._folder, self._random.choice(self._weights), self._ports)

    def step(self) -> None:
        events: list[Callable[[], None]] = [self.publish, self.publish, self.stop_publishing, self.send_garbage]
        self._random.choice([*events, self.swap, self.kill_reader, self.ignore, self.change])()

    def publish(self) -> None:
        n = self._random.randrange(FAR)
        if self._publishers[n] is None:
            self._publishers[n] = tcp(self._ports[n], fps=self._random.choice([8, 25, 50])).__enter__()

    def stop_publishing(self) -> None:
        n = self._random.randrange(FAR)
        if (publisher := self._publishers[n]) is not None:
            publisher.kill()
            self._publishers[n] = None

    def send_garbage(self) -> None:
        """Whoever comes first to a waiting camera may send it anything."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._random.choice(self._ports)), 1) as to:
            to.sendall(self._random.randbytes(100_000))

    def swap(self) -> None:
        self.server.say(f"swap {self._random.choice(self._weights)}")

    def kill_reader(self) -> None:
        if readers := self.server.readers:
            with suppress(ProcessLookupError):
                os.kill(self._random.choice(readers), signal.SIGKILL)

    def ignore(self) -> None:
        self.server.say("subscribe")

    def change(self) -> None:
        self.server.say(f"change near {self._random.randint(1, 6)}")

    def kill_server(self) -> None:
        self.server.kill()
        self.stored = self.server.stored
        self.kills += 1
        self.server = self._start()

    def close(self) -> None:
        for publisher in self._publishers:
            if publisher is not None:
                publisher.kill()
        if self.server.process.poll() is None:
            self.server.kill()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_everything_goes_wrong_and_every_frame_is_accounted_for(tmp_path: Path):
    image_folder(tmp_path / "street", pictures(30))
    shared = sorted(os.listdir("/dev/shm"))
    world = World(tmp_path, seed=4)
    try:
        for _ in range(2):  # and between the two it is killed
            began = time.monotonic()
            while time.monotonic() - began < SECONDS / 2:
                before = world.server.answered("near")
                world.step()
                time.sleep(1.0)
                check(world.server.told[-1])
                assert world.server.process.poll() is None
                if time.monotonic() - began > 5:
                    until(lambda before=before: world.server.answered("near") > before)  # which nothing disturbs
            check_memory(world.server.told)
            if not world.kills:
                world.kill_server()
                assert world.server.told[-1]["cameras"]["near"]["warm"]
        last = world.server.end()
        assert last["readers"] == []
        store, down = last["written"]
        assert (store["written"], store["lost"], last["unmade"]) == (last["processed"], 0, 0)
        assert (down["written"], down["lost"]) == (0, last["processed"])
        with closing(
            sqlite3.connect(tmp_path / "results.db")
        ) as results:  # what was said to be stored before the kill is
            [[stored]] = results.execute("SELECT count(*) FROM records")
        assert stored >= world.stored + store["written"]
        for counted, decoded in last["counted"].values():
            assert counted == decoded
    finally:
        world.close()
    assert sorted(os.listdir("/dev/shm")) == shared


def check(told: dict[str, Any]) -> None:
    for report in told["cameras"].values():
        assert report["decoded"] == report["processed"] + report["dropped"] + report["failed"]
    assert len(told["readers"]) <= FAR


def check_memory(told: list[dict[str, Any]]) -> None:
    """At the end it takes what it took once everything had been used."""
    memory = [one["memory"] for one in told]
    third = len(memory) // 3
    assert median(memory[-third:]) <= MOST_GROWTH * median(memory[third : 2 * third])
