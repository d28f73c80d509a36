"""Clips whose cuts are known: rendered streets, and windows that wander over still pictures."""

from dataclasses import dataclass, replace

import numpy as np

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.frames import Rendered
from streamdeq.data.open import open_dataset
from streamdeq.data.targets import Lazy

#: Frames of a shot, from and below.
SHOT = (8, 31)
#: Share of a wandering clip's frames that are jolted, and by how much at the most, in heights of the picture.
JOLTED, JOLT = 0.1, 0.03


@dataclass(frozen=True, eq=False)
class CutClip:
    """Pictures, (H, W, 3) uint8 RGB, and the first frames of the second and later shots, ascending."""

    name: str
    images: tuple[np.ndarray, ...]
    cuts: tuple[int, ...]


def street_clip(seed: int, split: str, cuts: int = 5, size: str = "192x256") -> CutClip:
    """Rendered streets at 15 frames a second, shots of 8 to 30 frames."""
    begins = np.cumsum(np.random.default_rng(seed).integers(*SHOT, cuts))
    return _street(f"street {seed}", seed, split, int(begins[-1]) + 15, f"size={size},cuts={_joined(begins)}")


def fast_street_clip(seed: int, split: str, frames: int = 40, size: str = "192x256") -> CutClip:
    """One street at 6 frames a second, as from a live source that drops frames: much motion, no cut."""
    return _street(f"fast street {seed}", seed, split, frames, f"size={size},fps=6")


def wandering_clip(dataset: Dataset, seed: int, shots: int = 6) -> CutClip:
    """Real pictures set in motion: a window of 3/4 of the sides wanders over a picture, ½ to 10 pixels a frame.

    Where it meets the border it turns back and may rest for a frame; now and then a frame is jolted up or down, as
    by a bump in the road. Neither is a cut.
    """
    rng = np.random.default_rng(seed)
    images: list[np.ndarray] = []
    cuts: list[int] = []
    for _ in range(shots):
        clip, t = dataset.samples[int(rng.integers(len(dataset.samples)))]
        cuts.append(len(images))
        image = clip.image(t)
        images += [np.ascontiguousarray(image[window]) for window in _wander(image, int(rng.integers(*SHOT)), rng)]
    return CutClip(f"stills {seed}", tuple(images), tuple(cuts[1:]))


def wandering_still(clip: Clip, t: int, frames: int, rng: np.random.Generator) -> Clip:
    """A labelled picture set in motion as in `wandering_clip`; the labels move with it. Its fps is made up."""
    image, target = clip.image(t), clip.target(t)
    windows = _wander(image, frames, rng)
    shown = Rendered(frames, lambda u: np.ascontiguousarray(image[windows[u]]))
    targets = Lazy(tuple(range(frames)), lambda u: np.ascontiguousarray(target[windows[u]]))
    return Clip(f"{clip.name}, frame {t}, wandering", 15.0, shown, targets)


def wandering_stills(dataset: Dataset, frames: int, seed: int = 0) -> Dataset:
    """Every labelled picture of a segmentation data set as a clip of `frames` frames: video with labels where there
    is none, to choose hyper-parameters on."""
    clips = [
        wandering_still(clip, t, frames, np.random.default_rng((seed, number)))
        for number, (clip, t) in enumerate(dataset.samples)
    ]
    return replace(dataset, name=f"{dataset.name}, wandering", clips=tuple(clips))


def _wander(image: np.ndarray, frames: int, rng: np.random.Generator) -> list[tuple[slice, slice]]:
    """The window of every frame."""
    sides = np.array(image.shape[:2])
    window = sides * 3 // 4
    room = sides - window
    angle, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 10)
    place, motion = rng.uniform(0, room), speed * np.array((0.3 * np.sin(angle), np.cos(angle)))
    shown = []
    for _ in range(frames):
        jolt = rng.uniform(-JOLT, JOLT) * sides[0] if rng.random() < JOLTED else 0.0
        (y, x), (h, w) = np.clip(place + np.array((jolt, 0)), 0, room).astype(int), window
        shown.append((slice(y, y + h), slice(x, x + w)))
        place = place + motion
        outside = (place < 0) | (place > room)
        motion = np.where(outside, -motion, motion)
        place = np.clip(place, 0, room)
    return shown


def _street(name: str, seed: int, split: str, frames: int, settings: str) -> CutClip:
    [clip] = open_dataset(f"synthetic:seed={seed},clips=1,frames={frames},{settings}", split).clips
    return CutClip(name, tuple(clip.image(t) for t in range(frames)), tuple(getattr(clip.frames, "cuts", ())))


def _joined(numbers: np.ndarray) -> str:
    return "+".join(str(int(number)) for number in numbers)
