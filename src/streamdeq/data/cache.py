"""Decoded frames kept in memory up to a limit, so that training does not wait for them. Knows no format."""

from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import numpy as np

from streamdeq.data.base import Clip, Dataset, Place
from streamdeq.values.boxes import Boxes


@dataclass
class _Store:
    """What fits below the limit stays; random access gives no order by which to throw anything out."""

    limit_bytes: int
    held: dict[tuple[int, int, str], np.ndarray | Boxes] = field(default_factory=dict)
    used_bytes: int = 0
    lock: Lock = field(default_factory=Lock)

    def keep(self, key: tuple[int, int, str], value: np.ndarray | Boxes) -> None:
        with self.lock:
            if key not in self.held and self.used_bytes + value.nbytes <= self.limit_bytes:
                self.held[key] = value.copy()
                self.used_bytes += value.nbytes


@dataclass(frozen=True)
class _CachedClip(Clip):
    name: str
    fps: float
    clip: Clip
    number: int
    store: _Store

    def __len__(self) -> int:
        return len(self.clip)

    def image(self, t: int) -> np.ndarray:
        return self._get(t, "image")

    def target(self, t: int) -> Any:
        return self._get(t, "target")

    @property
    def labelled(self) -> tuple[int, ...]:
        return self.clip.labelled

    def place(self, t: int) -> Place | None:
        return self.clip.place(t)

    def _get(self, t: int, what: str) -> Any:
        held = self.store.held.get((self.number, t, what))
        if held is not None:
            return held.copy()  # the caller owns what it gets, as from a file
        fresh = self.clip.image(t) if what == "image" else self.clip.target(t)
        if isinstance(fresh, np.ndarray | Boxes):
            self.store.keep((self.number, t, what), fresh)
        return fresh


def cached(dataset: Dataset, limit_bytes: int) -> Dataset:
    """The same data set, whose frames and targets (maps, boxes) are decoded once as long as `limit_bytes` hold them.

    CamVid's training split at 480x360 takes 254 MB.
    """
    store = _Store(limit_bytes)
    clips = (_CachedClip(clip.name, clip.fps, clip, number, store) for number, clip in enumerate(dataset.clips))
    return replace(dataset, clips=tuple(clips))
