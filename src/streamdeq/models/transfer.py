"""Trained tensors into a fresh network of another task, and an account of each.

A tensor moves where name and shape agree: stem and cell of the same architecture always do, of a head what the two
tasks share.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from streamdeq.errors import StreamdeqError
from streamdeq.models.checkpoint import digest
from streamdeq.models.spec import ModelSpec


@dataclass(frozen=True)
class Left:
    """A tensor that did not move, by its name, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Transfer:
    """What became of every tensor of both sides.

    Args:
        origin: where the trained tensors come from.
        hash: of those tensors, as in the origin's file.
        moved: names of those the network now has from there.
        fresh: tensors of the network that keep the values they had.
        unused: tensors of the origin that went nowhere.
        differs: what no tensor shows but makes the same weights another function (groups, cell, normalisation).
    """

    origin: str
    hash: str
    moved: tuple[str, ...]
    fresh: tuple[Left, ...]
    unused: tuple[Left, ...]
    differs: tuple[str, ...] = ()

    def summary(self) -> str:
        """One line: how much of backbone and head moved, and the first of each reason."""
        text = f"{self._count('backbone.')} and {self._count('head.')} tensors from {self.origin}"
        for what, left in (("fresh", self.fresh), ("unused", self.unused)):
            if left:
                text += f"; {len(left)} {what}, the first is {left[0].name}: {left[0].reason}"
        return "; ".join((text, *(f"but {difference}" for difference in self.differs)))

    def to_plain(self) -> dict[str, Any]:
        """JSON values: the moved ones by number, those left by name."""
        return {**asdict(self), "moved": len(self.moved)}

    def _count(self, room: str) -> str:
        moved = sum(name.startswith(room) for name in self.moved)
        fresh = sum(left.name.startswith(room) for left in self.fresh)
        return f"{moved} of {moved + fresh} {room.rstrip('.')}"


@torch.no_grad()
def transfer(
    network: nn.Module, spec: ModelSpec, tensors: dict[str, Tensor], source: ModelSpec, origin: str
) -> Transfer:
    """Copy into `network`, in its own dtype, every tensor whose name and shape fit.

    Args:
        spec: what `network` is.
        tensors, source: what was trained, under the names of `Network.state_dict`, and what it is.

    Raises:
        StreamdeqError: not one parameter of the backbone fits: the origin is of another architecture.
    """
    own = network.state_dict()
    moved: list[str] = []
    fresh: list[Left] = []
    for name, value in own.items():
        if name not in tensors:
            fresh.append(Left(name, f"{origin} has none ({source.task})"))
        elif tensors[name].shape != value.shape:
            fresh.append(Left(name, _clash(tensors[name], value)))
        else:
            value.copy_(tensors[name])  # a state dict shares the network's memory
            moved.append(name)
    if not any(name.startswith("backbone.") and tensors[name].ndim for name in moved):
        raise StreamdeqError(
            f"nothing in {origin} fits: it has channels {_text(source)}, this backbone {_text(spec)}; "
            "give weights of the same channels"
        )
    unused = [Left(name, _why_unused(name, tensors[name], own, spec)) for name in tensors if name not in moved]
    return Transfer(origin, digest(tensors), tuple(moved), tuple(fresh), tuple(unused), _differences(spec, source))


def _why_unused(name: str, value: Tensor, own: dict[str, Tensor], spec: ModelSpec) -> str:
    return _clash(value, own[name]) if name in own else f"this network has none ({spec.task})"


def _clash(there: Tensor, here: Tensor) -> str:
    return f"{list(there.shape)} there, {list(here.shape)} here"


def _text(spec: ModelSpec) -> str:
    return "/".join(str(c) for c in spec.architecture.channels)


def _differences(spec: ModelSpec, source: ModelSpec) -> tuple[str, ...]:
    here, there = spec.architecture, source.architecture
    pairs = (
        ("cell", there.cell, here.cell),
        ("groups", there.groups, here.groups),
        ("mean", tuple(source.mean), tuple(spec.mean)),
        ("std", tuple(source.std), tuple(spec.std)),
    )
    return tuple(f"{name} is {a} there, {b} here" for name, a, b in pairs if a != b)
