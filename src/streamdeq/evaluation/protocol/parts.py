"""Partial results of an evaluation on disk, a file for every piece of the plan: memory does not grow with their number.

A file is a zip with an entry for each condition, the metric of every scored frame. Processes that share a folder share
the work. What is read back is admitted by name: results, targets and metrics, arrays, and nothing that runs.
"""

import io
import json
import pickle
import shutil
import tempfile
import weakref
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.plan import Sample
from streamdeq.files import atomic_path, ensure_folder
from streamdeq.tasks import Metric

#: Where a class that may be read comes from, and the functions that put arrays together.
ROOMS = ("streamdeq.tasks.", "streamdeq.values.", "streamdeq.evaluation.protocol.plan.")
ARRAYS = {
    ("numpy", "ndarray"), ("numpy", "dtype"), ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"), ("numpy._core.numeric", "_frombuffer"),
}  # fmt: skip
ABOUT = "about.json"


@dataclass(frozen=True)
class Scored:
    """A condition's answers in one piece: the metric of each frame, applications of `f`, solves that failed."""

    pieces: Mapping[Sample, Metric]
    nfe: int
    failed: int


@dataclass(frozen=True)
class Shard:
    """The `number`-th (from 1) of `of` processes that share the work."""

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise StreamdeqError(f"--shard: expected I/N with 1 <= I <= N, got {self.number}/{self.of}")

    @staticmethod
    def parse(text: str) -> "Shard":
        number, slash, of = text.partition("/")
        if not (slash and number.isdecimal() and of.isdecimal()):
            raise StreamdeqError(f"--shard: expected I/N, as 1/4, got '{text}'")
        return Shard(int(number), int(of))


class Parts:
    """A folder of them; a temporary one, that goes with this object, if `folder` is None.

    Args:
        identity: what the evaluation is of; the parts of another one are refused.
        metric: as of the answers, so that its class can be read back.

    Raises:
        StreamdeqError: the folder cannot be written, or holds parts of another evaluation.
    """

    def __init__(self, folder: Path | None, identity: Mapping[str, Any], metric: Metric) -> None:
        if folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="streamdeq-eval-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        else:
            self._folder = folder
            ensure_folder(folder)
            _check_identity(folder / "evaluation.json", json.loads(json.dumps(identity)))
        self._home = type(metric).__module__.partition(".")[0] + "."

    def has(self, number: int) -> bool:
        return self._path(number).exists()

    def write(self, number: int, scored: Mapping[str, Scored]) -> None:
        """One piece's results by the condition's name, whole or not at all."""
        about = {name: [one.nfe, one.failed] for name, one in scored.items()}
        with atomic_path(self._path(number)) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, True, 1) as file:
            file.writestr(ABOUT, json.dumps(about))
            for name, one in scored.items():
                file.writestr(name, _bytes(one.pieces))

    def read(self, number: int, name: str) -> Scored:
        """One condition's results in one piece."""
        path = self._path(number)
        try:
            with zipfile.ZipFile(path) as file:
                nfe, failed = json.loads(file.read(ABOUT))[name]
                return Scored(_Admitted(io.BytesIO(file.read(name)), self._home).load(), nfe, failed)
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
            raise StreamdeqError(f"{path} cannot be read as a part of an evaluation ({error}); remove it") from error

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.zip"


def _bytes(pieces: Mapping[Sample, Metric]) -> bytes:
    try:
        return pickle.dumps(dict(pieces), protocol=5)
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        kind = {type(metric).__qualname__ for metric in pieces.values()}
        raise StreamdeqError(
            f"the metric {', '.join(kind)} cannot be written to a file ({error}); keep plain values and arrays in it, "
            "and define its class in a module"
        ) from error


class _Admitted(pickle.Unpickler):
    """Reads arrays, and objects of the classes that results, targets and metrics have; `home` is a metric's package."""

    def __init__(self, file: io.BytesIO, home: str) -> None:
        super().__init__(file)
        self._rooms = (*ROOMS, home) if home != "streamdeq." else ROOMS

    def find_class(self, module: str, name: str) -> Any:
        found = None
        if (module, name) in ARRAYS:
            return super().find_class(module, name)
        if f"{module}.".startswith(self._rooms) and "." not in name:
            found = super().find_class(module, name)
        if not isinstance(found, type):
            raise pickle.UnpicklingError(f"{module}.{name} is no result")
        return found


def _check_identity(path: Path, identity: dict[str, Any]) -> None:
    if not path.exists():
        with atomic_path(path) as part:
            part.write_text(json.dumps(identity, indent=1), encoding="utf-8")
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StreamdeqError(f"{path} cannot be read ({error}); choose another folder for --parts") from error
    differing = [name for name in identity if known.get(name) != identity[name]] if isinstance(known, dict) else ["all"]
    if differing:
        raise StreamdeqError(
            f"{path.parent} holds parts of another evaluation: {', '.join(differing)} differ; choose another folder"
        )
