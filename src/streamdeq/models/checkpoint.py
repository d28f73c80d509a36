"""Weights on disk: safetensors with a typed description and a hash."""

import hashlib
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path
from streamdeq.models.spec import ModelSpec

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
    metadata = {"format": FORMAT, "spec": spec.to_json(), "hash": digest(tensors)}
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
        StreamdeqError: no such file, not a streamdeq weights file, or its contents do not match its hash.
    """
    path = Path(path)
    metadata = _metadata(path)
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    if digest(tensors) != metadata["hash"]:
        raise StreamdeqError(f"{path} is damaged: its tensors do not match the hash it carries; fetch it again")
    return ModelSpec.from_json(metadata["spec"]), tensors


def load_tensors(network: nn.Module, tensors: dict[str, Tensor], origin: str) -> None:
    """Copy stored tensors into a network built for them, converting to its dtype.

    Raises:
        StreamdeqError: names or shapes differ: the file belongs to another architecture.
    """
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
    network.load_state_dict(tensors)


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
        with safe_open(path, "pt") as file:
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
    return metadata
