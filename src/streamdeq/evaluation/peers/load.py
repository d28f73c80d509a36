"""A peer from its file: the plain state dict that `tools/train_peer.py` writes."""

from pathlib import Path

import torch
from safetensors import SafetensorError

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.peers.base import Peer, peer_class
from streamdeq.models.checkpoint import opened, read_tensors
from streamdeq.models.spec import ModelSpec, Provenance
from streamdeq.runtime.precision import pick_dtype


def load_peer(name: str, path: Path, spec: ModelSpec, device: torch.device, precision: str = "auto") -> Peer:
    """The peer of that name with the weights in `path`, for the data that `spec` was trained on.

    Raises:
        StreamdeqError: no such peer or file, or weights of another network or number of classes.
    """
    kind = peer_class(name, spec.task)
    network = kind.build(spec)
    try:
        with opened(path) as file:
            about = file.metadata() or {}
        trained = Provenance(steps=int(about.get("steps", 0)), seconds=float(about.get("seconds", 0)))
        network.load_state_dict(read_tensors(path))
    except FileNotFoundError:
        raise StreamdeqError(f"no weights at {path}; tools/train_peer.py makes them") from None
    except (OSError, SafetensorError, ValueError) as error:
        raise StreamdeqError(f"{path} cannot be read as safetensors: {error}") from error
    except RuntimeError as error:
        raise StreamdeqError(f"{path} does not fit {name} with {len(spec.classes)} classes: {_first(error)}") from error
    return kind(name, network, spec, device, pick_dtype(precision, device), trained)


def _first(error: RuntimeError) -> str:
    return " ".join(str(error).split())[:160]
