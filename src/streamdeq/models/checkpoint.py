"""Weights on disk: safetensors with a typed description and a hash."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path
from streamdeq.models.spec import DESCRIPTION_HASH, MOST_HEADER, ModelSpec, check_description, description_hash
from streamdeq.reading import open_regular

FORMAT = "streamdeq-weights-1"


def save_weights(path: str | os.PathLike[str], network: nn.Module, spec: ModelSpec) -> None:
    """Write parameters and buffers in float16 (BatchNorm's counters as they are) under `path`, atomically.

    Raises:
        StreamdeqError: a value is not finite in float16, or the folder cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    for name, value in network.state_dict().items():
        half = value.detach().cpu()
        if half.is_floating_point():
            half = half.half()
        if not torch.isfinite(half).all():
            raise StreamdeqError(f"weights not written: '{name}' is not finite in float16")
        tensors[name] = half.contiguous()
    described, tensor_hash = spec.to_json(), digest(tensors)
    metadata = {
        "format": FORMAT,
        "spec": described,
        "hash": tensor_hash,
        DESCRIPTION_HASH: description_hash(described, tensor_hash),
    }
    try:
        with atomic_path(path) as part:
            # Not `save_file`: it makes files that only their owner may read, whatever the umask.
            part.write_bytes(save(tensors, metadata))
    except OSError as error:
        raise StreamdeqError(
            f"cannot write {path}: {error.strerror}; free some space or choose another place"
        ) from error


def read_weights(path: str | os.PathLike[str]) -> tuple[ModelSpec, dict[str, Tensor]]:
    """The description and the tensors as stored (float16).

    Raises:
        StreamdeqError: no such file, not a streamdeq weights file, its contents do not match its hash, or a number
            in it is not finite.
    """
    path = Path(path)
    metadata = _metadata(path)
    spec, tensors = ModelSpec.from_json(metadata["spec"]), read_tensors(path)
    if digest(tensors) != metadata["hash"]:
        raise StreamdeqError(f"{path} is damaged: its tensors do not match the hash it carries; fetch it again")
    check_finite(tensors, path)
    return spec, tensors


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    """A safetensors file to read from, whose header is no larger than any model's.

    Raises:
        OSError, SafetensorError: it is none.
    """
    with open_regular(path) as file:
        length = int.from_bytes(file.read(8), "little")
    if MOST_HEADER < length <= os.path.getsize(path):
        raise SafetensorError(f"a header of {length:,} bytes, expected at most {MOST_HEADER:,}")
    with safe_open(path, "pt") as tensors:
        yield tensors


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file; StreamdeqError where one is of a kind that torch does not have."""
    tensors: dict[str, Tensor] = {}
    with opened(path) as file:
        for name in file.keys():  # noqa: SIM118 (not a dict)
            try:
                tensors[name] = file.get_tensor(name)
            except (SafetensorError, AttributeError, RuntimeError, TypeError, ValueError) as error:
                raise StreamdeqError(f"{path} cannot be used: '{name}' cannot be read ({error})") from error
    return tensors


def check_finite(tensors: dict[str, Tensor], path: Path) -> None:
    """Raise StreamdeqError where a tensor read from `path` holds infinity or no number."""
    for name, value in tensors.items():
        if not bool(torch.isfinite(value).all()):
            raise StreamdeqError(f"{path} cannot be used: '{name}' holds numbers that are not finite")


def load_tensors(network: nn.Module, tensors: dict[str, Tensor], origin: str) -> None:
    """Copy stored tensors into a network built for them, converting to its dtype.

    Raises:
        StreamdeqError: names or shapes differ: the file belongs to another architecture.
    """
    check_fit(network, tensors, origin)
    network.load_state_dict(tensors)


def check_fit(network: nn.Module, tensors: dict[str, Tensor], origin: str) -> None:
    """Raise StreamdeqError unless the names and shapes of `tensors` are the network's, which may lie on `meta`."""
    own = network.state_dict()
    for name in sorted(own.keys() ^ tensors.keys()):
        side = "lacks" if name in own else "has the unknown tensor"
        raise StreamdeqError(f"{origin} does not fit its architecture: it {side} '{name}'")
    for name, value in own.items():
        if value.shape != tensors[name].shape:
            raise StreamdeqError(
                f"{origin} does not fit its architecture: '{name}' is {list(tensors[name].shape)}, "
                f"expected {list(value.shape)}"
            )
        if value.is_floating_point() != tensors[name].is_floating_point():
            raise StreamdeqError(
                f"{origin} does not fit its architecture: '{name}' is {tensors[name].dtype}, expected {value.dtype}"
            )


def digest(tensors: dict[str, Tensor]) -> str:
    """SHA-256 over names, dtypes, shapes and bytes, in name order."""
    sha = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        sha.update(f"{name} {value.dtype} {list(value.shape)}\n".encode())
        sha.update(value.flatten().view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()


def _metadata(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise StreamdeqError(f"no weights at {path}; give a model's name or the path of a .safetensors file")
    try:
        with path.open("rb") as raw:
            begins_well = raw.read(9)[8:] == b"{"
        with opened(path) as file:
            metadata = file.metadata() or {}
    except OSError as error:
        raise StreamdeqError(f"cannot read {path}: {error.strerror or error}; check its permissions") from error
    except SafetensorError as error:
        if begins_well:
            raise StreamdeqError(f"{path} is damaged or cut short: fetch it again") from error
        raise StreamdeqError(
            f"{path} is not a safetensors file; published .pkl/.pth checkpoints are converted by: streamdeq import"
        ) from error
    if metadata.get("format") != FORMAT or not {"spec", "hash"} <= metadata.keys():
        raise StreamdeqError(f"{path} holds tensors but no streamdeq model (no '{FORMAT}' description)")
    check_description(metadata, path)
    return metadata
