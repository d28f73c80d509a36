"""What a set of weights is: enough to build its network, feed it and read its answers."""

import json
import os
from dataclasses import dataclass, field, replace
from typing import Any

from streamdeq.codec import PlainError, from_plain, to_plain
from streamdeq.errors import StreamdeqError
from streamdeq.models.architecture import Architecture

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Provenance:
    """Where weights come from.

    Args:
        recipe: the training recipe as JSON values.
        metrics: named figures in points.
        steps, seconds: optimiser steps and wall time of the training; 0 where unknown.
    """

    recipe: dict[str, Any] = field(default_factory=dict)
    data: str = ""
    licence: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    trained_with: str = ""
    steps: int = 0
    seconds: float = 0.0


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

    def to_json(self) -> str:
        return json.dumps(to_plain(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> "ModelSpec":
        """Raises StreamdeqError for a description this version does not understand."""
        try:
            return from_plain(ModelSpec, json.loads(text))
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
        with open(path, "rb") as file:  # safetensors: the header's length in 8 bytes, the header in JSON, the tensors
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return ModelSpec.from_json(header["__metadata__"]["spec"])
    except (OSError, ValueError, KeyError, OverflowError, MemoryError) as error:
        raise StreamdeqError(f"{path} is not a safetensors file with a model's description; fetch it again") from error
