"""A stream's state as a safetensors file, and back."""

import hashlib
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from streamdeq.codec import from_plain, to_plain
from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path
from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.solvers import SolverState
from streamdeq.streaming.engine import Row
from streamdeq.streaming.options import StreamOptions
from streamdeq.streaming.regions import Followed
from streamdeq.streaming.rows import Slots
from streamdeq.values.geometry import HW, Geometry, Window
from streamdeq.values.status import Status

FORMAT = "streamdeq-state-2"
PER_ROW = ("residual", "relative", "best", "count", "status")


@dataclass(frozen=True, eq=False)
class SavedState:
    """What a state file holds.

    Args:
        rows: each with its content: the one of a stream that looks at whole frames, or one for each that is followed.
        followed: whom the stream follows; None for whole frames.
        next_index: one more than the latest frame's number.
    """

    options: StreamOptions
    rows: Sequence[tuple[Row, Slots]]
    followed: Followed | None
    value: Any
    seen: Any
    next_index: int


@dataclass(frozen=True)
class _Sizes:
    frame_hw: HW
    content_hw: HW
    canvas_hw: HW


@dataclass(frozen=True)
class _DescribedRow:
    geometry: _Sizes
    window: Window | None
    status: Status
    evaluations: int
    poisoned: bool


@dataclass(frozen=True)
class _Description:
    """What stands beside the tensors, in JSON."""

    architecture: str
    options: StreamOptions
    rows: tuple[_DescribedRow, ...]
    followed: Followed | None
    value: tuple[float, ...]
    seen: Any
    next_index: int


def write_state(path: str | os.PathLike[str], architecture: Architecture, saved: SavedState) -> None:
    """Write a file, atomically; solver memory is left out."""
    tensors: dict[str, Tensor] = {}
    for n, (_, content) in enumerate(saved.rows):
        tensors |= {f"{n}.{name}": tensor for name, tensor in _tensors(content).items()}
    described = _Description(
        architecture=digest(architecture),
        options=saved.options,
        rows=tuple(_described(row) for row, _ in saved.rows),
        followed=saved.followed,
        value=tuple(_numbers(saved.value)),
        seen=_seen_plain(saved.seen),
        next_index=saved.next_index,
    )
    with atomic_path(path) as part:
        copies = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
        save_file(copies, part, {"format": FORMAT, "state": json.dumps(to_plain(described))})


def read_state(path: str | os.PathLike[str], architecture: Architecture, device: torch.device) -> SavedState:
    """Read what `write_state` wrote, onto `device`.

    Raises:
        StreamdeqError: not such a file, or a state of another architecture.
    """
    path = Path(path)
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: _laid_out(file.get_tensor(name), device) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise StreamdeqError(f"{path} cannot be read as a stream's state: {error}") from error
    if metadata.get("format") != FORMAT:
        raise StreamdeqError(f"{path} is not a stream's state: write one with state.save()")
    described = from_plain(_Description, json.loads(metadata["state"]))
    if described.architecture != digest(architecture):
        raise StreamdeqError(f"{path} is the state of a model of another architecture; load that model")
    scales = len(architecture.channels)
    return SavedState(
        described.options,
        tuple((_row(one), _content(tensors, n, scales)) for n, one in enumerate(described.rows)),
        described.followed,
        _refilled(described.options.budget(1).init(), iter(described.value)),
        _seen(described.seen),
        described.next_index,
    )


def digest(architecture: Architecture) -> str:
    """What tells one architecture from another: a hash of its description."""
    described = to_plain(architecture)
    if architecture.cell == "mdeq":
        described["cell"] = "published"  # what it was called when the first states were written
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def _tensors(content: Slots) -> dict[str, Tensor]:
    state = content.state
    tensors: dict[str, Tensor] = {name: getattr(state, name) for name in PER_ROW}
    for name, maps in (("z", state.z.maps), ("answer", state.answer.maps), ("injection", content.injection)):
        tensors |= {f"{name}.{i}": m for i, m in enumerate(maps) if m is not None}
    return tensors


def _content(tensors: dict[str, Tensor], row: int, scales: int) -> Slots:
    own = {name.removeprefix(f"{row}."): t for name, t in tensors.items() if name.startswith(f"{row}.")}
    z, answer = (Latent(tuple(own[f"{name}.{i}"] for i in range(scales))) for name in ("z", "answer"))
    state = SolverState(z, answer, *(own[name] for name in PER_ROW))
    return Slots(state, tuple(own.get(f"injection.{i}") for i in range(scales)))


def _described(row: Row) -> _DescribedRow:
    geometry, status = row.geometry, row.status
    assert geometry is not None  # a row with content has seen a frame
    assert status is not None
    sizes = _Sizes(geometry.frame_hw, geometry.content_hw, geometry.canvas_hw)
    return _DescribedRow(sizes, geometry.window, status, row.evaluations, row.forgets)


def _row(described: _DescribedRow) -> Row:
    geometry = Geometry(**vars(described.geometry), window=described.window)
    return Row(
        geometry=geometry, status=described.status, evaluations=described.evaluations, forgets=described.poisoned
    )


def _numbers(memory: Any) -> list[float]:
    """A budget's memory, however it is nested, as its numbers in order."""
    if not is_dataclass(memory):
        return [] if memory is None else [memory]
    return [number for one in fields(memory) for number in _numbers(getattr(memory, one.name))]


def _refilled(like: Any, numbers: Iterator[float]) -> Any:
    """The inverse of `_numbers`, for a memory of the kind of `like`."""
    if not is_dataclass(like) or isinstance(like, type):
        return None if like is None else next(numbers)
    return type(like)(*(_refilled(getattr(like, one.name), numbers) for one in fields(like)))


def _seen_plain(seen: Any) -> Any:
    """What a cut detector remembers, for JSON: a picture becomes its height, its width and its bytes as text."""
    return [*seen.shape[:2], b64encode(seen.tobytes()).decode()] if isinstance(seen, np.ndarray) else seen


def _seen(plain: Any) -> Any:
    if not plain:
        return None if plain is None else ()
    if not isinstance(plain[-1], str):
        return tuple(plain)
    return np.frombuffer(b64decode(plain[-1]), np.uint8).reshape(*plain[:2], 3)


def _laid_out(tensor: Tensor, device: torch.device) -> Tensor:
    if tensor.ndim == 4:
        return tensor.to(device, memory_format=torch.channels_last)
    return tensor.to(device)
