"""What a set of weights is: enough to build its network, feed it and read its answers."""

import hashlib
import json
import math
import os
import re
import unicodedata
from dataclasses import dataclass, field, replace
from typing import Any

from streamdeq.codec import PlainError, from_plain, to_plain
from streamdeq.errors import StreamdeqError
from streamdeq.models.architecture import Architecture
from streamdeq.reading import loads, open_regular

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
RGB = tuple[int, int, int]
#: The entry whose hash covers the description; files from before it have none, and theirs covers the tensors alone.
DESCRIPTION_HASH = "description_hash"
#: Bytes of a safetensors file's header: its description, and a line for every tensor.
MOST_HEADER = 10_000_000
#: Unrollings of a model that nothing is known of.
UNROLLED = 20
#: The count in the name of a single-frame figure among a description's metrics, and of what less is better.
SINGLE, ERRORS = re.compile(r"single-frame \((\d{1,4}) iterations\)$|single (\d{1,4})$"), ("AbsRel", "RMSE")
#: Of a description: characters of its text, pixels of the working size, applications per frame, classes, characters of
#: a class's name. Several times what any model has: more is a mistake, or an attack on the memory.
MOST_TEXT, MOST_PIXELS, MOST_ITERATIONS, MOST_CLASSES, MOST_NAME = 2_000_000, 4096, 1000, 65_536, 200


@dataclass(frozen=True)
class Ancestor:
    """Weights that others began with. Whoever uses those others has their data's licence to keep as well.

    Args:
        hash: of its tensors.
    """

    name: str
    data: str = ""
    licence: str = ""
    hash: str = ""


@dataclass(frozen=True)
class Provenance:
    """Where weights come from.

    Args:
        recipe: the training recipe as JSON values.
        metrics: named figures in points.
        steps, seconds: optimiser steps and wall time of the training; 0 where unknown.
        ancestors: what they began with, what that began with, and so on.
    """

    recipe: dict[str, Any] = field(default_factory=dict)
    data: str = ""
    licence: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    trained_with: str = ""
    steps: int = 0
    seconds: float = 0.0
    ancestors: tuple[Ancestor, ...] = ()

    @property
    def best_count(self) -> int | None:
        """Iterations of the best single-frame figure in `metrics`, the fewest of equal ones; None without any."""
        told = [(SINGLE.search(name), name, value) for name, value in self.metrics.items()]
        tried = [
            (int(found[1] or found[2]), -value if name.startswith(ERRORS) else value)
            for found, name, value in told
            if found
        ]
        best = max(tried, key=lambda one: (one[1], -one[0]), default=None)
        return best[0] if best and 1 <= best[0] <= MOST_ITERATIONS else None


@dataclass(frozen=True)
class ReferenceSolve:
    """What a model solves a picture to when there is time: its single-frame baseline, and what a stream's latents are
    measured against. By `solver`, from zeros, with memory for its `iterations` (in the paper's sense)."""

    solver: str
    iterations: int

    def __post_init__(self) -> None:
        if not 1 <= self.iterations <= MOST_ITERATIONS or not 0 < len(self.solver) <= MOST_NAME:
            raise StreamdeqError(
                f"a reference needs a solver's name and 1 to {MOST_ITERATIONS} iterations; "
                f"got '{self.solver[:MOST_NAME]}' and {self.iterations}"
            )


@dataclass(frozen=True)
class ModelSpec:
    """The typed description stored beside the weights.

    Args:
        task: name in `streamdeq.tasks`.
        classes: class names in the order of the outputs.
        palette: one RGB colour in 0–255 per class.
        size: working size, the shorter side in pixels that frames are scaled to.
        longest: the longer side is at most so many pixels; None for any length.
        mean, std: normalisation of RGB in 0–1.
        solver: the solver the weights were trained for.
        iterations: applications per frame that suit them when the user names none.
        reference: None in files from before there was one: see `reference_solve`.
        head: what the task's head leaves open, by the names the task gives it (JSON values); empty for its defaults.
    """

    name: str
    task: str
    architecture: Architecture
    classes: tuple[str, ...]
    palette: tuple[RGB, ...]
    size: int
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    solver: str = "picard"
    iterations: int = 1
    head: dict[str, Any] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=Provenance)
    longest: int | None = None
    reference: ReferenceSolve | None = None

    def __post_init__(self) -> None:
        if len(self.palette) != len(self.classes):
            raise StreamdeqError(
                f"a model needs one colour per class; got {len(self.palette)} for {len(self.classes)} classes"
            )
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise StreamdeqError(f"mean and std must be 3 numbers, std above 0; got {self.mean} and {self.std}")
        if self.size < 1 or self.iterations < 1:
            raise StreamdeqError(f"size and iterations must be >= 1; got {self.size} and {self.iterations}")
        if self.longest is not None and self.longest < self.size:
            raise StreamdeqError(f"longest must be at least the size, {self.size}; got {self.longest}")
        self._check_extent()

    def _check_extent(self) -> None:
        if not all(math.isfinite(number) for number in (*self.mean, *self.std)):
            raise StreamdeqError(f"mean and std must be finite; got {self.mean} and {self.std}")
        if not all(0 <= level <= 255 for colour in self.palette for level in colour):
            raise StreamdeqError("the colours of classes must be red, green and blue in 0 to 255")
        for name, got, most in (
            ("size", self.size, MOST_PIXELS),
            ("longest", self.longest or 0, 4 * MOST_PIXELS),
            ("iterations", self.iterations, MOST_ITERATIONS),
            ("the number of classes", len(self.classes), MOST_CLASSES),
            ("the length of a name", max(map(len, (self.name, self.task, *self.classes))), MOST_NAME),
        ):
            if got > most:
                raise StreamdeqError(f"{name} must be at most {most}; got {got}")

    @property
    def reference_solve(self) -> ReferenceSolve:
        """As described, or what the paper gives a model of this task and training.

        Broyden (IL): 27 iterations for segmentation, 26 for other tasks. Unrolled: as many as it was trained with (UR),
        20 if nobody knows. Trained with varying numbers (SUR): the best of those that were tried on held-out frames.
        """
        if self.reference is not None:
            return self.reference
        if self.solver.startswith("broyden"):
            return ReferenceSolve(self.solver, 27 if self.task == "segmentation" else 26)
        match self.provenance.recipe.get("unroll"):
            case {"kind": "Fixed", "n": int(n)} if 1 <= n <= MOST_ITERATIONS:
                return ReferenceSolve(self.solver, n)
            case {"kind": "Uniform"}:
                return ReferenceSolve(self.solver, self.provenance.best_count or UNROLLED)
        return ReferenceSolve(self.solver, UNROLLED)

    def to_json(self) -> str:
        return json.dumps(to_plain(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> "ModelSpec":
        """The description that `text` is; what no terminal or picture can show of its names becomes a placeholder.

        Raises:
            StreamdeqError: this version does not understand it, or it is larger than any model's.
        """
        if len(text) > MOST_TEXT:
            raise StreamdeqError(f"the model's description has {len(text)} characters, expected at most {MOST_TEXT}")
        try:
            return from_plain(ModelSpec, _printable(loads(text, finite=True)))
        except (ValueError, PlainError) as error:
            problem = f"cannot be read: {error}"
            if isinstance(error, PlainError) and error.key is not None:
                unknown = f"has the unknown entry '{error.key}'; is streamdeq too old?"
                problem = unknown if error.choices else f"lacks the entry '{error.key}'"
            raise StreamdeqError(f"the model's description {problem}") from error

    def with_provenance(self, **changes: Any) -> "ModelSpec":
        return replace(self, provenance=replace(self.provenance, **changes))


def read_spec(path: str | os.PathLike[str]) -> ModelSpec:
    """The description in a weights file alone: neither the tensors nor torch is needed.

    Raises:
        StreamdeqError: no such file, or none with a description.
    """
    try:
        with open_regular(path) as file:  # safetensors: the header's length in 8 bytes, the header in JSON, the tensors
            length = int.from_bytes(file.read(8), "little")
            metadata = loads(file.read(min(length, MOST_HEADER)).decode())["__metadata__"]
        check_description(metadata, path)
        return ModelSpec.from_json(metadata["spec"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StreamdeqError(f"{path} is not a safetensors file with a model's description; fetch it again") from error


def description_hash(described: str, tensor_hash: str) -> str:
    """Covers a description and, by the hash of their own, the tensors beside it."""
    return hashlib.sha256(f"{tensor_hash}\n{described}".encode()).hexdigest()


def check_description(metadata: dict[str, str], path: str | os.PathLike[str]) -> None:
    """Raise StreamdeqError where a weights file's description is not the one that its hash was made of."""
    expected = description_hash(metadata["spec"], metadata["hash"])
    if metadata.get(DESCRIPTION_HASH, expected) != expected:
        raise StreamdeqError(f"{path} is damaged: its description does not match the hash it carries; fetch it again")


def _printable(plain: Any) -> Any:
    """JSON values whose texts hold no control, format or surrogate character."""
    if isinstance(plain, str):
        return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c)[0] == "C" else c for c in plain)
    if isinstance(plain, dict):
        return {_printable(key): _printable(value) for key, value in plain.items()}
    return [_printable(value) for value in plain] if isinstance(plain, list) else plain
