"""Frames and targets kept in memory up to a limit, so that training does not wait for them."""

from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import numpy as np

from streamdeq.data.base import Dataset, Frames, Place, Targets
from streamdeq.values.boxes import Boxes


@dataclass
class _Store:
    """What fits below the limit stays; random access gives no order by which to throw anything out."""

    limit_bytes: int
    used_bytes: int = 0
    lock: Lock = field(default_factory=Lock)

    def get(self, held: dict[int, Any], t: int, source: Frames | Targets) -> Any:
        """`t` of the source, copied: the caller owns what it gets, as from a file."""
        if t in held:
            return held[t].copy()
        fresh = source.read(t)
        if isinstance(fresh, np.ndarray | Boxes):
            with self.lock:
                if t not in held and self.used_bytes + fresh.nbytes <= self.limit_bytes:
                    held[t] = fresh.copy()
                    self.used_bytes += fresh.nbytes
        return fresh


@dataclass(frozen=True, eq=False, slots=True)
class _CachedFrames:
    frames: Frames
    store: _Store
    held: dict[int, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frames)

    def read(self, t: int) -> np.ndarray:
        return self.store.get(self.held, t, self.frames)

    def place(self, t: int) -> Place | None:
        return self.frames.place(t)


@dataclass(frozen=True, eq=False, slots=True)
class _CachedTargets:
    targets: Targets
    store: _Store
    held: dict[int, Any] = field(default_factory=dict)

    @property
    def labelled(self) -> tuple[int, ...]:
        return self.targets.labelled

    def read(self, t: int) -> Any:
        return self.store.get(self.held, t, self.targets)


def cached(dataset: Dataset, limit_bytes: int) -> Dataset:
    """The same data set, whose frames and targets (maps, boxes) are decoded once as long as `limit_bytes` hold them.

    CamVid's training split at 480x360 takes 254 MB.
    """
    store = _Store(limit_bytes)
    clips = (
        replace(clip, frames=_CachedFrames(clip.frames, store), targets=_CachedTargets(clip.targets, store))
        for clip in dataset.clips
    )
    return replace(dataset, clips=tuple(clips))
