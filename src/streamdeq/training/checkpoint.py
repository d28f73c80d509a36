"""A training run's state as one safetensors file, whole or not there. Nothing is unpickled.

Tensors: `network/NAME`, `average/NAME`, `optimizer/PARAMETER/KEY`. Everything else is JSON in the metadata.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path
from streamdeq.training.average import WeightAverage

NAME = "checkpoint.safetensors"
FORMAT = "streamdeq-training-1"


@dataclass
class State:
    """What changes while a run goes on. `step` optimiser steps are done; `elapsed_s` counts training only."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    average: WeightAverage | None
    step: int = 0
    elapsed_s: float = 0.0
    guard: dict[str, Any] = field(default_factory=dict)


def save(path: Path, state: State, about: dict[str, Any]) -> None:
    """Write `state` and the JSON value `about` (recipe, data, …) to `path`.

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
    header = {
        "format": FORMAT,
        "step": state.step,
        "elapsed_s": state.elapsed_s,
        "guard": state.guard,
        "average_updates": state.average.updates if state.average else 0,
        **about,
    }
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


def read_header(path: Path) -> dict[str, Any]:
    """The JSON part of a checkpoint."""
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("streamdeq", "{}"))
    except FileNotFoundError:
        raise StreamdeqError(
            f"expected a training checkpoint at {path}, found none; check --resume, or start the run anew without it"
        ) from None
    except (OSError, SafetensorError, ValueError) as error:
        raise StreamdeqError(f"expected a training checkpoint in {path}, got: {error}; restore it") from error
    if header.get("format") != FORMAT:
        raise StreamdeqError(
            f"expected a training checkpoint ({FORMAT}) in {path}, got format {header.get('format')!r}; "
            "give --resume the folder of a run"
        )
    return header


def load_into(path: Path, state: State) -> None:
    """Fill a freshly built `state` of the same recipe from `path`, bit for bit."""
    header = read_header(path)
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    try:
        state.network.load_state_dict(_under(tensors, "network/"))
        if state.average:
            for name, mean in state.average.tensors.items():
                mean.copy_(tensors[f"average/{name}"])
            state.average.updates = header["average_updates"]
    except (RuntimeError, KeyError) as error:
        raise StreamdeqError(
            f"the tensors in {path} do not fit this recipe's network ({str(error).splitlines()[0]}); "
            "resume with the version that wrote them"
        ) from error
    _load_optimizer(state, _under(tensors, "optimizer/"))
    state.step, state.elapsed_s, state.guard = header["step"], header["elapsed_s"], header["guard"]


def _tensors(state: State) -> dict[str, Tensor]:
    tensors = {f"network/{name}": t for name, t in state.network.state_dict().items()}
    if state.average:
        tensors |= {f"average/{name}": t for name, t in state.average.tensors.items()}
    for name, parameter in state.network.named_parameters():
        for key, value in state.optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{name}/{key}"] = value
    return {name: t.detach().cpu().contiguous() for name, t in tensors.items()}


def _load_optimizer(state: State, tensors: dict[str, Tensor]) -> None:
    for name, parameter in state.network.named_parameters():
        found = {key.removeprefix(f"{name}/"): t for key, t in tensors.items() if key.startswith(f"{name}/")}
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
