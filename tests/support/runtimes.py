"""Executors for tests: a package that brings one, as an installer leaves it."""

from pathlib import Path

CRASHING = """
import os, signal
from streamdeq.runtime.kinds import EXECUTORS, Kind

class Crashing(Kind):
    def missing(self, functions):
        return None

    def version(self):
        return ""

    def prepare(self, functions, canvas_hw, folder):
        os.kill(os.getpid(), signal.SIGSEGV)

    def load(self, functions, canvas_hw, folder):
        raise NotImplementedError

EXECUTORS.register("crashing")(Crashing())
"""

#: Torch itself; `off` is added to everything it says.
ECHO = """
from dataclasses import dataclass
from streamdeq.runtime.executor import Executor
from streamdeq.runtime.kinds import EXECUTORS, Kind

@dataclass
class Echo(Executor):
    functions: object
    off: float

    def inject(self, pictures, canvas_hw):
        return self.functions.inject(pictures, canvas_hw)

    def step(self, z, injection):
        return self.functions.step(z, injection).map(lambda m: m + self.off)

    def predict(self, z):
        return self.functions.predict(z)

@dataclass
class Echoing(Kind):
    off: float

    def missing(self, functions):
        return None

    def version(self):
        return ""

    def prepare(self, functions, canvas_hw, folder):
        (folder / "prepared").write_text(str(canvas_hw))

    def load(self, functions, canvas_hw, folder):
        assert (folder / "prepared").read_text() == str(canvas_hw)
        return Echo(functions, self.off)

EXECUTORS.register("echo")(Echoing(0.0))
EXECUTORS.register("liar")(Echoing(0.1))
"""


def install(site: Path, name: str, code: str) -> None:
    """A package with an entry point, in a folder of packages."""
    (site / f"{name}.py").write_text(code)
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[streamdeq]\nmine = {name}\n")
