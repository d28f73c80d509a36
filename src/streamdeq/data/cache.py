"""Frames and targets kept in memory up to a limit, so that training does not wait for them."""

from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import numpy as np

from streamdeq.data.base import Dataset, Place
from streamdeq.values.boxes import Boxes


@dataclass
class _Budget:
    """What fits stays; random access gives no order by which to throw anything out."""

    left_bytes: int
    lock: Lock = field(default_factory=Lock)

    def keep(self, held: dict[int, Any], t: int, value: np.ndarray | Boxes) -> None:
        with self.lock:
            if t not in held and value.nbytes <= self.left_bytes:
                held[t] = value.copy()
                self.left_bytes -= value.nbytes


@dataclass(frozen=True, eq=False, slots=True)
class _Kept:
    """Frames, or targets, that are kept when they have been read. What is handed out is a copy, as from a file."""

    source: Any
    budget: _Budget
    held: dict[int, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.source)

    @property
    def labelled(self) -> tuple[int, ...]:
        return self.source.labelled

    def place(self, t: int) -> Place | None:
        return self.source.place(t)

    def read(self, t: int) -> Any:
        if t in self.held:
            return self.held[t].copy()
        fresh = self.source.read(t)
        if isinstance(fresh, np.ndarray | Boxes):
            self.budget.keep(self.held, t, fresh)
        return fresh


def cached(dataset: Dataset, limit_bytes: int) -> Dataset:
    """The same data set, whose frames and targets (maps, boxes) are decoded once as long as `limit_bytes` hold them.

    CamVid's training split at 480x360 takes 254 MB.
    """
    budget = _Budget(limit_bytes)
    clips = (
        replace(clip, frames=_Kept(clip.frames, budget), targets=_Kept(clip.targets, budget)) for clip in dataset.clips
    )
    return replace(dataset, clips=tuple(clips))
