"""A peer by the same executors as the model: its network exported to a file and called from there."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from streamdeq.evaluation.peers import Peer
from streamdeq.runtime.files import FileKind
from streamdeq.runtime.kinds import EXECUTORS
from streamdeq.runtime.programs import Program
from streamdeq.runtime.spread import Session


class _Network(Program):
    """Normalised canvas (1, 3, H, W) → the one tensor that the network says."""

    name, inputs, outputs = "peer", ("x",), ("out",)

    def __init__(self, network: nn.Module, canvas_hw: tuple[int, int], dtype: torch.dtype) -> None:
        nn.Module.__init__(self)
        self.network = network.float()
        self.example = (torch.zeros(1, 3, *canvas_hw),)
        # What an executor asks for its precision and its threads.
        self.functions: Any = SimpleNamespace(dtype=dtype, threads=torch.get_num_threads())

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        said = self.network(*tensors)
        return ((said["out"] if isinstance(said, dict) else said),)


class _Served(nn.Module):
    """In the place of the network."""

    def __init__(self, session: Session, named: bool) -> None:
        super().__init__()
        self.session, self.named = session, named

    def forward(self, x: Tensor) -> Any:
        [out] = self.session([x.float().contiguous()])
        return {"out": out} if self.named else out


def serve(peer: Peer, runtime: str, canvas_hw: tuple[int, int], folder: Path) -> bool:
    """Have the peer's network computed by the executor of that name; false if it does not compute such networks."""
    kind = EXECUTORS[runtime]
    if not isinstance(kind, FileKind) or peer.TASK == "detection":  # boxes come from loops that are not exported
        return False
    with torch.no_grad():
        named = isinstance(peer.network(torch.zeros(1, 3, *canvas_hw, dtype=peer.dtype)), dict)
        program = _Network(peer.network, canvas_hw, peer.dtype).eval()
        kind.write(program, folder / f"peer{kind.suffix}")
        peer.network = _Served(kind.open(folder / f"peer{kind.suffix}", program), named)
    return True
