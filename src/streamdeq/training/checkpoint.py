"""A training run's state as one safetensors file, whole or not there. Nothing is unpickled.

Tensors: `network/NAME`, `average/NAME`, `optimizer/PARAMETER/KEY`. Everything else is JSON in the metadata.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from streamdeq.codec import from_plain, to_plain
from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path
from streamdeq.models.checkpoint import check_finite, opened, read_tensors
from streamdeq.models.spec import Ancestor
from streamdeq.reading import loads
from streamdeq.training.average import WeightAverage
from streamdeq.training.guard import Guard
from streamdeq.training.recipe import Recipe

NAME = "checkpoint.safetensors"
#: What an optimiser keeps of a parameter that it has moved.
_STATE = {torch.optim.AdamW: {"step", "exp_avg", "exp_avg_sq"}, torch.optim.SGD: {"momentum_buffer"}}
FORMAT = "streamdeq-training-1"


@dataclass(frozen=True)
class Data:
    """The data set of a run: as the user named it, and what it was then."""

    spec: str
    name: str
    split: str
    classes: tuple[str, ...]
    samples: int
    files: str = ""  # a digest of their names; checkpoints of before have none


@dataclass(frozen=True)
class Scoring:
    """What a run is scored on meanwhile, which may be another when it goes on: a split, every so many steps, so many of
    its pictures. Empty for none, 0 for as usual and for all."""

    split: str = ""
    every: int = 0
    pictures: int = 0


@dataclass(frozen=True)
class Header:
    """What a checkpoint says beside its tensors."""

    format: str
    step: int
    elapsed_s: float
    guard: Guard
    average_updates: int
    recipe: Recipe
    data: Data
    ancestors: tuple[Ancestor, ...] = ()
    scoring: Scoring = field(default_factory=Scoring)

    def __post_init__(self) -> None:
        if self.step < 0 or self.average_updates < 0 or not 0 <= self.elapsed_s < float("inf"):
            raise StreamdeqError("step, average_updates or elapsed_s below 0")


@dataclass
class State:
    """What changes while a run goes on. `step` optimiser steps are done; `elapsed_s` counts training only; `ancestors`
    are the weights it began with."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    average: WeightAverage | None
    step: int = 0
    elapsed_s: float = 0.0
    guard: Guard = field(default_factory=Guard)
    ancestors: tuple[Ancestor, ...] = ()


def save(path: Path, state: State, recipe: Recipe, data: Data, scoring: Scoring = Scoring()) -> None:
    """Write `state` of `recipe` on `data` to `path`.

    Raises:
        StreamdeqError: a value is not finite, or one of the network's too large for a weights file (float16): such
            a state is never written. Or the disk is full.
    """
    tensors = _tensors(state)
    for name, tensor in tensors.items():
        kept_in = torch.float32 if name.startswith("optimizer/") else torch.float16
        # `not below` rather than `above`: NaN is neither.
        if tensor.is_floating_point() and not bool((tensor.abs() <= torch.finfo(kept_in).max).all()):
            raise StreamdeqError(
                f"training diverged: {name.partition('/')[2]} has come to {float(tensor.abs().max()):.3g}, more than "
                "a weights file holds; the last good checkpoint is kept; try a smaller optimizer.lr"
            )
    updates = state.average.updates if state.average else 0
    told = Header(FORMAT, state.step, state.elapsed_s, state.guard, updates, recipe, data, state.ancestors, scoring)
    header = to_plain(told)
    header["guard"] = state.guard.dump()
    try:
        with atomic_path(path) as part:
            save_file(tensors, part, metadata={"streamdeq": json.dumps(header)})
            part.chmod(0o644)  # safetensors makes it readable by its owner alone
            _to_disk(part)
    except (OSError, SafetensorError) as error:
        raise StreamdeqError(
            f"cannot write {path}: {getattr(error, 'strerror', None) or error}; the checkpoint before is kept: "
            f"free some space and go on with --resume {path.parent}"
        ) from error


def read_header(path: Path) -> Header:
    """The JSON part of a checkpoint."""
    try:
        with opened(path) as file:
            header = loads((file.metadata() or {}).get("streamdeq", "{}"))
        found = header.get("format") if isinstance(header, dict) else None
        if found == FORMAT:
            return from_plain(Header, header)
    except FileNotFoundError:
        raise StreamdeqError(
            f"expected a training checkpoint at {path}, found none; check --resume, or start the run anew without it"
        ) from None
    except (OSError, SafetensorError, ValueError, TypeError, StreamdeqError) as error:
        raise StreamdeqError(f"expected a training checkpoint in {path}, got: {error}; restore it") from error
    raise StreamdeqError(
        f"expected a training checkpoint ({FORMAT}) in {path}, got format {found!r}; give --resume the folder of a run"
    )


def load_into(path: Path, state: State) -> None:
    """Fill a freshly built `state` of the same recipe from `path`, bit for bit."""
    header = read_header(path)
    tensors = read_tensors(path)
    check_finite(tensors, path)
    try:
        state.network.load_state_dict(_under(tensors, "network/"))
        if state.average:
            _check_shapes(_under(tensors, "average/"), state.average.tensors)
            for name, mean in state.average.tensors.items():
                mean.copy_(tensors[f"average/{name}"])
            state.average.updates = header.average_updates
        _load_optimizer(state, _under(tensors, "optimizer/"))
    except (RuntimeError, KeyError) as error:
        raise StreamdeqError(
            f"the tensors in {path} do not fit this recipe's network ({str(error).splitlines()[0]}); "
            "resume with the version that wrote them"
        ) from error
    state.step, state.elapsed_s, state.guard = header.step, header.elapsed_s, header.guard
    state.ancestors = header.ancestors


def _tensors(state: State) -> dict[str, Tensor]:
    tensors = {f"network/{name}": t for name, t in state.network.state_dict().items()}
    if state.average:
        tensors |= {f"average/{name}": t for name, t in state.average.tensors.items()}
    for name, parameter in state.network.named_parameters():
        for key, value in state.optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{name}/{key}"] = value
    return {name: t.detach().cpu().contiguous() for name, t in tensors.items()}


def _check_shapes(tensors: dict[str, Tensor], like: dict[str, Tensor]) -> None:
    for name, value in tensors.items():
        if value.shape != like[name].shape or value.dtype != like[name].dtype:
            raise KeyError(f"{name} is {value.dtype} {list(value.shape)}")


def _load_optimizer(state: State, tensors: dict[str, Tensor]) -> None:
    wanted = _STATE[type(state.optimizer)]
    for name, parameter in state.network.named_parameters():
        found = {key.removeprefix(f"{name}/"): t for key, t in tensors.items() if key.startswith(f"{name}/")}
        if found and found.keys() != wanted:
            raise KeyError(f"the optimiser's of {name} are {', '.join(sorted(found)) or 'none'}")
        _check_shapes({k: t for k, t in found.items() if k != "step"}, dict.fromkeys(found, parameter))
        for key, stored in found.items():
            # Like the parameter in memory layout, or the fused update would fall back to a slow path.
            same = stored.shape == parameter.shape and stored.ndim > 0
            value = torch.empty_like(parameter, dtype=stored.dtype).copy_(stored) if same else stored
            state.optimizer.state[parameter][key] = value.detach()


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _to_disk(path: Path) -> None:
    """Bytes first, name later: after a power cut a renamed file must not be empty."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
