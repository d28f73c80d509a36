"""A server in a process of its own, told what to do line by line and telling how it stands twice a second.

Run as `python -m support.chaos_server FOLDER WEIGHTS PORT PORT…`: a camera over the network for each port, and one that
plays the pictures of FOLDER/street. Answers go to FOLDER/results.db, and to an address where nobody listens. Lines on
standard input: `swap WEIGHTS`, `subscribe`, `change NAME STEPS`, `end`.
"""

import json
import os
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from streamdeq.results.sinks import read_sink
from streamdeq.serving.server import CameraConfig, ModelConfig, Server, ServerConfig
from streamdeq.serving.server.config import StateConfig
from streamdeq.serving.server.feed import open_camera
from streamdeq.serving.server.outputs import Outputs
from streamdeq.video import LiveSource, Source
from support.processes import children

PERIOD_S = 0.5
#: Of an address that refuses every connection.
NOBODY = "http://127.0.0.1:9/results"


class Opened:
    """Opens a camera and remembers all that it has opened, so that its frames can be counted on both sides."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.all: list[Source] = []

    def __call__(self) -> Source:
        self.all.append(open_camera(self._source, True))
        return self.all[-1]

    @property
    def decoded(self) -> int:
        """Frames that came out of the decoders."""
        return sum(one.received if isinstance(one, LiveSource) else one.stats.decoded for one in self.all)


def memory() -> int:
    """Bytes of this process that are its own."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def tell(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def figures(server: Server) -> dict[str, dict[str, object]]:
    found = {}
    for name, report in server.reports().items():
        about = {key: value for key, value in vars(report).items() if isinstance(value, int | str)}
        found[name] = {**about, "decoded": report.decoded}
    return found


def main() -> None:
    folder, weights, *ports = sys.argv[1:]
    opened = {f"far{n}": Opened(f"tcp://127.0.0.1:{port}?listen") for n, port in enumerate(ports)}
    opened["near"] = Opened(str(Path(folder) / "street"))
    state = StateConfig(Path(folder) / "state", every_s=1.0)
    idle = []
    ended = threading.Event()
    server = Server(ServerConfig({"main": ModelConfig(weights)}, state=state, overload=True))
    sinks = [read_sink({"kind": "sqlite", "path": str(Path(folder) / "results.db")}), read_sink(NOBODY)]
    outputs = Outputs(server, sinks)
    with outputs, server:
        for name, opens in opened.items():
            server.add(name, CameraConfig(opens._source, fps=None if name == "near" else 10, max_steps=4), opens)

        def status() -> None:
            while not ended.wait(PERIOD_S):
                lost = [one.lost for one in idle]
                written = {report.label: asdict(report) for report in outputs.reports()}
                readers = children(os.getpid(), "live.reader")
                tell(memory=memory(), cameras=figures(server), readers=readers, lost=lost, written=written)

        telling = threading.Thread(target=status)
        telling.start()
        for line in sys.stdin:
            word, *rest = line.split()
            if word == "swap":
                server.swap_model("main", rest[0])
            elif word == "subscribe":
                idle.append(server.subscribe(depth=8))
            elif word == "change":
                server.change(rest[0], max_steps=int(rest[1]))
            else:
                break
        ended.set()
        telling.join()
        last = {name: server.remove(name) for name in list(server.cameras()) if name != "near"}
    last = {**server.reports(), **last}
    counted = {name: [report.decoded, opened[name].decoded] for name, report in last.items()}
    processed = sum(report.processed for report in last.values())
    written = [asdict(report) for report in outputs.reports()]
    readers = children(os.getpid(), "live.reader")
    tell(ended=True, counted=counted, readers=readers, processed=processed, written=written, unmade=outputs.lost)


if __name__ == "__main__":
    main()
