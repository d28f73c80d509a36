"""Clips and data sets of the rendered street."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.synthetic.backdrop import Look, look_of
from streamdeq.data.synthetic.labels import LABELS
from streamdeq.data.synthetic.render import FINER, Drawing, VisibleThing, draw, own, paint, visible
from streamdeq.data.synthetic.scene import Scene
from streamdeq.data.synthetic.spec import StreetSpec, parse_street_spec
from streamdeq.data.targets import Lazy
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

LICENCE = "none needed: rendered by streamdeq itself"
SPLITS = ("train", "train-fit", "train-holdout", "val", "test")


@dataclass(frozen=True)
class StreetFrames:
    """The frames of clip `number` of a split. Each is a function of (spec, split, number, t) alone."""

    spec: StreetSpec
    split: str
    number: int

    def __len__(self) -> int:
        return self.spec.frames

    @property
    def cuts(self) -> tuple[int, ...]:
        """The first frames of the second and later streets."""
        return self.spec.cuts

    def read(self, t: int) -> np.ndarray:
        drawing, look = self._draw(t)
        return paint(drawing, look, np.random.default_rng((*self._key, 3, t)))

    def place(self, t: int) -> None:
        return None

    def target(self, t: int) -> Any:
        """What is labelled in frame `t`, of the kind that the spec names."""
        drawing, look = self._draw(t)
        return LABELS[self.spec.labels].read(drawing, own(drawing, look), self.spec.shot(t)[0])

    def objects(self, t: int) -> tuple[VisibleThing, ...]:
        """What is seen in frame `t`, far to near: boxes of all things, key points of people."""
        drawing, look = self._draw(t)
        return visible(drawing, own(drawing, look), shot=self.spec.shot(t)[0])

    def _draw(self, t: int) -> tuple[Drawing, Look]:
        shot, begin = self.spec.shot(t)
        return _draw_street((*self._key, shot), (t - begin) / self.spec.fps, self.spec.size_hw)

    @property
    def _key(self) -> tuple[int, int, int]:
        return self.spec.seed, SPLITS.index(self.split), self.number


# The image and the labels of a frame are asked for one after the other, and share their polygons.
@lru_cache(maxsize=2)
def _draw_street(key: tuple[int, ...], time_s: float, size_hw: tuple[int, int]) -> tuple[Drawing, Look]:
    scene, look = _street(key)
    camera = scene.camera(time_s, (FINER * size_hw[0], FINER * size_hw[1]))
    return draw(scene.things(time_s, camera), camera), look


@lru_cache(maxsize=8)
def _street(key: tuple[int, ...]) -> tuple[Scene, Look]:
    scene = Scene(key)
    return scene, look_of(scene)


def open_street(settings: str, split: str) -> Dataset:
    """The data set of a spec such as `seed=0,clips=4,frames=30,size=96x128,cuts=10+20,labels=boxes`."""
    if split not in SPLITS:
        raise StreamdeqError(unknown("split of the synthetic street", split, list(SPLITS)))
    spec = parse_street_spec(settings)
    clips = tuple(_clip(StreetFrames(spec, split, number)) for number in range(spec.clips))
    labels = LABELS[spec.labels]
    return labels.dataset(split, clips, LICENCE)


def _clip(frames: StreetFrames) -> Clip:
    targets = Lazy(tuple(range(len(frames))), frames.target)
    return Clip(f"{frames.split}-{frames.number:03d}", frames.spec.fps, frames, targets)
