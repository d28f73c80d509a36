"""Trained tensors into a fresh network of another task, and an account of each.

A tensor moves where name and shape agree: stem and cell of the same architecture always do, of a head what the two
tasks share. What a head has for each class moves class by class, by name, between models of one task.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from streamdeq.errors import StreamdeqError
from streamdeq.models.checkpoint import digest
from streamdeq.models.matching import matched
from streamdeq.models.spec import ModelSpec

#: So many classes are told by name.
SHOWN = 12


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
        classes: the network's classes that are there too, and what they are called there; None where none of the head's
            tensors belong to classes.
        new: the network's classes that are not there.
    """

    origin: str
    hash: str
    moved: tuple[str, ...]
    fresh: tuple[Left, ...]
    unused: tuple[Left, ...]
    differs: tuple[str, ...] = ()
    classes: tuple[tuple[str, str], ...] | None = None
    new: tuple[str, ...] = ()

    def summary(self) -> str:
        """One line: how much of backbone and head moved, and the first of each reason."""
        text = f"{self._count('backbone.')} and {self._count('head.')} tensors from {self.origin}"
        for what, left in (("fresh", self.fresh), ("unused", self.unused)):
            if left:
                text += f"; {len(left)} {what}, the first is {left[0].name}: {left[0].reason}"
        return "; ".join((text, *(f"but {difference}" for difference in self.differs)))

    def classes_text(self) -> str:
        """One line: which classes are known from there; empty where nothing was matched by name."""
        if self.classes is None:
            return ""
        pairs = [here if here == there else f"{here} (there {there})" for here, there in self.classes]
        known = _first(pairs)
        count = f"{len(self.classes)} of {len(self.classes) + len(self.new)} classes"
        text = f"{count} known by name from {self.origin}: {known or 'none'}"
        return f"{text}; new: {_first(self.new)}" if self.new else text

    def to_plain(self) -> dict[str, Any]:
        """JSON values: the moved ones by number, those left by name."""
        return {**asdict(self), "moved": len(self.moved)}

    def _count(self, room: str) -> str:
        moved = sum(name.startswith(room) for name in self.moved)
        fresh = sum(left.name.startswith(room) for left in self.fresh)
        return f"{moved} of {moved + fresh} {room.rstrip('.')}"


@torch.no_grad()
def transfer(
    network: nn.Module,
    spec: ModelSpec,
    tensors: dict[str, Tensor],
    source: ModelSpec,
    origin: str,
    class_rows: Mapping[str, tuple[int, int]] = MappingProxyType({}),
) -> Transfer:
    """Copy into `network`, in its own dtype, every tensor whose name and shape fit.

    Args:
        spec: what `network` is.
        tensors, source: what was trained, under the names of `Network.state_dict`, and what it is.
        class_rows: tensors of the head whose rows belong to classes, as `Task.class_rows` has them: how many to each,
            and how many come before the first one's.

    Raises:
        StreamdeqError: not one parameter of the backbone fits: the origin is of another architecture.
    """
    own = network.state_dict()
    moved: list[str] = []
    fresh: list[Left] = []
    places = matched(spec.classes, source.classes) if spec.task == source.task else []
    by_class = {f"head.{name}": where for name, where in class_rows.items()} if places else {}
    for name, value in own.items():
        if name in by_class and name in tensors:
            if _move_rows(value, tensors[name], places, *by_class[name]):
                moved.append(name)
            else:
                fresh.append(Left(name, f"{origin} has none of these classes"))
            continue
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
    named, new = None, ()
    if any(name in by_class for name in tensors):
        pairs = list(zip(spec.classes, places, strict=True))
        named = tuple((here, source.classes[place]) for here, place in pairs if place is not None)
        new = tuple(here for here, place in pairs if place is None)
    differs = _differences(spec, source)
    return Transfer(origin, digest(tensors), tuple(moved), tuple(fresh), tuple(unused), differs, named, new)


def _move_rows(value: Tensor, trained: Tensor, places: Sequence[int | None], rows: int, first: int) -> bool:
    """Copy what comes before the classes, and of those that are at `places` there; False where nothing fits."""
    fits = value.shape[1:] == trained.shape[1:] and len(value) == first + rows * len(places)
    if not fits or all(place is None for place in places):
        return False
    value[:first] = trained[:first]
    for here, there in enumerate(places):
        if there is not None:
            begin, end = first + rows * there, first + rows * (there + 1)
            value[first + rows * here : first + rows * (here + 1)] = trained[begin:end]
    return True


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


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
