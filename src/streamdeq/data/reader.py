"""What a format of data has to be able to do, and the formats that there are.

A reader is registered by its name (`streamdeq.register("reader", NAME)`, in an installed package or here): its folders
can then be trained on, evaluated and checked like any other.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.documents import licence_of
from streamdeq.data.shared_classes import BoxDataset
from streamdeq.errors import StreamdeqError
from streamdeq.registry import Registry, unknown
from streamdeq.values.palette import distinct_colours


class Reader(ABC):
    """A format: the folders that are of it, and what is in them.

    Attributes:
        title: what it is called.
        expected: what a folder holds, in words for `data formats`.
        source: how to get what a folder lacks, in words.
        task: what its labels are for, where a folder can be of two formats at once or none of them is a box.
        suffixes: of files that may be given in the folder's place.
        complete: the number of labelled frames of a split, where it is known.
        asked: the task that labels are wanted for, empty if any; for readers whose folders may have several.
        allow_outside: whether the files of a folder may name others that do not lie below it; see `below`.
    """

    title: str
    expected: str
    source: str
    task: str = ""
    suffixes: tuple[str, ...] = ()
    complete: Mapping[str, int] = MappingProxyType({})
    asked: str = ""
    allow_outside: bool = False

    @abstractmethod
    def splits(self, folder: Path) -> tuple[str, ...]:
        """The splits of which a folder has anything, whole or not; `train-fit` is a part of `train`."""

    @abstractmethod
    def open(self, folder: Path, split: str) -> Dataset:
        """A split of a folder. Reads names and labels' files; pixels are read frame by frame.

        Raises:
            StreamdeqError: no such split, or what is broken, with file, place and reason.
        """

    def recognises(self, folder: Path) -> bool:
        """Whether a folder is of this format, whole or not."""
        return bool(self.splits(folder))

    def check_split(self, folder: Path, split: str) -> None:
        """Raises StreamdeqError, with those that there are, for a split of which `folder` has nothing."""
        if split not in (known := self.splits(folder)):
            raise StreamdeqError(unknown("split", split, list(known)))

    def lacks(self, folder: Path) -> str:
        """What a folder that is not recognised lacks to be of this format, in words; empty where it is nothing of the
        kind."""
        return ""

    def others(self, folder: Path) -> tuple[str, ...]:
        """The other tasks that a folder has labels for."""
        return ()

    def unused(self, folder: Path) -> tuple[str, ...]:
        """What is in a folder and used by no split, in words."""
        return ()


def below(folder: Path, name: str, where: str, outside: bool) -> Path:
    """The path that a file of the data set in `folder` names, if it lies below that or may lie `outside`.

    Links are followed: who made one in the folder meant it. What the name itself says must not lead out.

    Args:
        where: what names it, in words for the error.
    """
    path = Path(os.path.normpath(folder / name))
    if not outside and not path.is_relative_to(os.path.normpath(folder)):
        raise StreamdeqError(
            f"expected a path below {folder} in {where}, got '{name}'; put it there, or a link to it, or give "
            "--allow-outside (allow_outside=True)"
        )
    return path


def own_dataset(
    folder: Path,
    task: str,
    split: str,
    classes: tuple[str, ...],
    clips: Iterable[Clip],
    licence: str = "",
    notes: Iterable[str] = (),
) -> Dataset:
    """A user's own data: named as its folder, with made-up colours and, where none is given, its README's licence."""
    colours, licence = distinct_colours(len(classes)), licence or licence_of(folder)
    made = BoxDataset if task == "detection" else Dataset
    return made(folder.resolve().name, task, split, classes, colours, tuple(clips), licence, notes=tuple(notes))


READERS: Registry[type[Reader]] = Registry("reader")
