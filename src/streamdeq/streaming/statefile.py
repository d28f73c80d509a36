"""A stream's state as a safetensors file, and back."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from streamdeq.codec import from_plain, to_plain
from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path
from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.checkpoint import digest as digest_of_tensors
from streamdeq.models.checkpoint import opened
from streamdeq.models.spec import MOST_TEXT, description_hash
from streamdeq.reading import loads
from streamdeq.solvers import SolverState, SolverStatus
from streamdeq.streaming.description import DescribedRow, Description, numbers_of, plain_sight, require
from streamdeq.streaming.engine import Row
from streamdeq.streaming.options import StreamOptions
from streamdeq.streaming.regions import Followed
from streamdeq.streaming.rows import Slots

FORMAT = "streamdeq-state-3"
#: Whose hash, if there is one, covers the description alone.
FORMAT_BEFORE = "streamdeq-state-2"
#: As safetensors calls them: of the latent, and of what each row has one of.
LATENT = ("F32", "F64")
PER_ROW = {"residual": LATENT, "relative": LATENT, "best": LATENT, "count": ("I32",), "status": ("U8",)}


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


def write_state(path: str | os.PathLike[str], architecture: Architecture, saved: SavedState) -> None:
    """Write a file, atomically; solver memory is left out."""
    tensors: dict[str, Tensor] = {}
    for n, (_, content) in enumerate(saved.rows):
        tensors |= {f"{n}.{name}": tensor for name, tensor in _tensors(content).items()}
    described = Description(
        architecture=digest(architecture),
        options=saved.options,
        rows=tuple(DescribedRow.of(row) for row, _ in saved.rows),
        followed=saved.followed,
        value=numbers_of(saved.value),
        seen=plain_sight(saved.seen),
        next_index=saved.next_index,
    )
    text = json.dumps(to_plain(described))
    with atomic_path(path) as part:
        copies = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
        save_file(
            copies, part, {"format": FORMAT, "state": text, "hash": description_hash(text, digest_of_tensors(copies))}
        )


def read_state(path: str | os.PathLike[str], architecture: Architecture, device: torch.device) -> SavedState:
    """Read what `write_state` wrote, onto `device`.

    Raises:
        StreamdeqError: not such a file, a damaged one, or a state of another architecture.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise FileNotFoundError("no such file")
        with opened(path) as file:
            metadata = file.metadata() or {}
            if metadata.get("format") not in (FORMAT, FORMAT_BEFORE):
                raise StreamdeqError(f"{path} is not a stream's state: write one with state.save()")
            described = _description(path, metadata)
            if described.architecture != digest(architecture):
                raise StreamdeqError(f"{path} is the state of a model of another architecture; load that model")
            contents = _contents(path, file, described, architecture, device, metadata)
    except (OSError, SafetensorError) as error:
        raise StreamdeqError(f"{path} cannot be read as a stream's state: {error}") from error
    return SavedState(
        described.options,
        tuple((one.row(), content) for one, content in zip(described.rows, contents, strict=True)),
        described.followed,
        described.memory(),
        described.sight(),
        described.next_index,
    )


def digest(architecture: Architecture) -> str:
    """What tells one architecture from another: a hash of its description."""
    described = to_plain(architecture)
    if architecture.cell == "mdeq":
        described["cell"] = "published"  # what it was called when the first states were written
    return _hash(json.dumps(described, sort_keys=True))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _description(path: Path, metadata: dict[str, str]) -> Description:
    try:
        text = metadata.get("state", "")
        require(len(text) <= MOST_TEXT, f"at most {MOST_TEXT} characters")
        if metadata["format"] == FORMAT_BEFORE:
            require(metadata.get("hash", _hash(text)) == _hash(text), "a description that has the file's hash")
        return from_plain(Description, loads(text))
    except (ValueError, TypeError, OverflowError, StreamdeqError) as error:
        raise StreamdeqError(f"{path} is damaged as a stream's state: {str(error)[:300]}") from error


def _contents(
    path: Path,
    file: Any,
    described: Description,
    architecture: Architecture,
    device: torch.device,
    metadata: dict[str, str],
) -> list[Slots]:
    """The rows' tensors, read once all of them are known to be what the description and the architecture say."""
    try:
        kinds = [_kinds(row, architecture) for row in described.rows]
        wanted = {f"{n}.{name}": kind for n, row in enumerate(kinds) for name, kind in row.items()}
        require({*file.keys()} == wanted.keys(), f"{len(wanted)} tensors by their names")  # no mapping
        for name, (shape, dtypes) in wanted.items():
            stored = file.get_slice(name)
            fits = stored.get_shape() == shape and stored.get_dtype() in dtypes
            require(fits, f"'{name}' to be {shape} {' or '.join(dtypes)}")
        tensors = {name: file.get_tensor(name) for name in wanted}
        if metadata["format"] == FORMAT:
            hash = description_hash(metadata["state"], digest_of_tensors(tensors))
            require(metadata.get("hash") == hash, "contents that have the hash the file carries")
        return [
            _content({name: tensors[f"{n}.{name}"] for name in kind}, architecture, device)
            for n, kind in enumerate(kinds)
        ]
    except StreamdeqError as error:
        raise StreamdeqError(f"{path} is damaged as a stream's state: {error}") from error


def _kinds(row: DescribedRow, architecture: Architecture) -> dict[str, tuple[list[int], tuple[str, ...]]]:
    """Shape and possible types of every tensor of a row."""
    kinds = {name: ([1], dtypes) for name, dtypes in PER_ROW.items()}
    for i, shape in enumerate(row.shapes(architecture)):
        kinds |= {f"{name}.{i}": ([1, *shape], LATENT) for name in ("z", "answer")}
        if i < architecture.injected:
            kinds[f"injection.{i}"] = ([1, *shape], (*LATENT, "BF16", "F16"))
    return kinds


def _tensors(content: Slots) -> dict[str, Tensor]:
    state = content.state
    tensors: dict[str, Tensor] = {name: getattr(state, name) for name in PER_ROW}
    for name, maps in (("z", state.z.maps), ("answer", state.answer.maps), ("injection", content.injection)):
        tensors |= {f"{name}.{i}": m for i, m in enumerate(maps) if m is not None}
    return tensors


def _content(tensors: dict[str, Tensor], architecture: Architecture, device: torch.device) -> Slots:
    latent = [tensor for name, tensor in tensors.items() if name.startswith(("z.", "answer."))]
    require(all(bool(m.isfinite().all()) for m in latent), "a latent of finite numbers")
    require(int(tensors["count"]) >= 0 and int(tensors["status"]) in [*SolverStatus], "a solver's count and status")
    scales = range(len(architecture.channels))
    own = {name: _laid_out(tensor, device) for name, tensor in tensors.items()}
    z, answer = (Latent(tuple(own[f"{name}.{i}"] for i in scales)) for name in ("z", "answer"))
    state = SolverState(z, answer, *(own[name] for name in PER_ROW))
    return Slots(state, tuple(own.get(f"injection.{i}") for i in scales))


def _laid_out(tensor: Tensor, device: torch.device) -> Tensor:
    if tensor.ndim == 4:
        return tensor.to(device, memory_format=torch.channels_last)
    return tensor.to(device)
