"""What a layout of data has to be able to do to be written, where its pictures go, and the layouts that there are."""

import os
import re
import shutil
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from PIL import Image

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.pictures import PICTURES, size_of
from streamdeq.registry import Registry


@dataclass
class Told:
    """What was written and what could not be: counts by what they are of."""

    written: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)


class Writer(ABC):
    """A layout. One is made for a new, empty folder; splits are added, then it is finished.

    Attributes:
        tasks: those whose labels it holds.
        instead: what to do with labels of another task, in words.
    """

    tasks: tuple[str, ...]
    instead: str = ""

    def __init__(self, root: Path, link: bool) -> None:
        self.root, self.told, self._link = root, Told(), link
        self._taken: set[str] = set()

    @abstractmethod
    def add(self, dataset: Dataset, split: str) -> Iterator[None]:
        """Write a split; yields after each frame."""

    def finish(self) -> None:  # noqa: B027  (not every layout has any)
        """Write what is about all splits."""

    def picture(self, clip: Clip, t: int, folder: str, alone: bool) -> str:
        """Put frame `t` of a clip below `folder` of the root; its path below that.

        A file is copied, or linked to; a frame of a film, or one that is made, becomes a PNG.

        Args:
            alone: the frame stands for itself, and is named as its clip; else by its number in a folder of that name.
        """
        key = plain(clip.name) if alone else f"{plain(clip.name)}/{t:06d}"
        path = self.free(folder, key)
        return path.removeprefix(f"{folder}/") + self.put(clip, t, path)

    def put(self, clip: Clip, t: int, below: str) -> str:
        """Put frame `t` at a path below the root that has no suffix yet; the suffix that it gets."""
        place = clip.place(t)
        stored = place[0] if place is not None and place[1] is None else None
        suffix = stored.suffix.lower() if stored is not None else ".png"
        path = self.root / f"{below}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if stored is None:
            Image.fromarray(clip.image(t)).save(path)
        elif self._link:
            os.symlink(stored.resolve(), path)
        else:
            shutil.copyfile(stored, path)
        self.told.written["pictures"] += 1
        return suffix

    def free(self, folder: str, key: str) -> str:
        """The path in a folder that nobody has; not even with another suffix, as labels are named as their pictures."""
        number, name = 1, key
        while f"{folder}/{name}".lower() in self._taken:
            number += 1
            name = f"{key}-{number}"
        self._taken.add(f"{folder}/{name}".lower())
        return f"{folder}/{name}"


def size_of_frame(clip: Clip, t: int) -> tuple[int, int]:
    """(height, width), of a picture file without reading its pixels."""
    place = clip.place(t)
    if place is not None and place[1] is None:
        return size_of(place[0])
    image = clip.image(t)
    return image.shape[0], image.shape[1]


def plain(name: str) -> str:
    """A clip's name as a path that stays where it is put: no suffix of a picture, nothing that leads out."""
    path = PurePosixPath(name.replace("\\", "/"))
    path = path.with_suffix("") if path.suffix.lower() in PICTURES else path
    parts = [re.sub(r'[\x00-\x1f<>:"|?*]', "_", part) for part in path.parts if part not in ("/", ".", "..")]
    return "/".join(parts) or "picture"


WRITERS: Registry[type[Writer]] = Registry("layout")
