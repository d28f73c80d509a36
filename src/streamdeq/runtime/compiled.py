"""torch's own compiler, ahead of time and with frozen weights. Needs a C++ compiler and, once, minutes."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from streamdeq.runtime.files import FileKind
from streamdeq.runtime.functions import Functions
from streamdeq.runtime.kinds import EXECUTORS
from streamdeq.runtime.programs import Program
from streamdeq.runtime.spread import Session, Spread


class Compiled(FileKind):
    """As a library that is loaded, not by `torch.compile` in the process that streams: a frame would wait for it."""

    suffix = ".pt2"
    quick = False
    own_threads = False

    def lacks(self) -> str | None:
        if any(map(shutil.which, ("g++", "c++", "clang++"))):
            return None
        return "it needs a C++ compiler (g++ or clang++), and there is none here"

    def version(self) -> str:
        return torch.__version__

    def arithmetic(self, functions: Functions) -> Functions:
        return functions

    def write(self, program: Program, path: Path) -> None:
        settings = {"freezing": True}
        torch._inductor.aoti_compile_and_package(program.exported(), package_path=str(path), inductor_configs=settings)

    def open(self, path: Path, program: Program) -> Session:
        compiled = torch._inductor.aoti_load_package(str(path))

        def run(inputs: Sequence[Tensor]) -> list[Tensor]:
            with torch.no_grad():
                return list(compiled(*inputs))

        return run

    def open_spread(self, path: Path, program: Program, threads: int) -> Spread | None:
        return None  # its threads are torch's, of which each caller has as many


EXECUTORS.register("compiled")(Compiled())
