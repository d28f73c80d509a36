"""What readers of labelling tools' exports share: a file holds boxes, areas and points at once, and the task says which
of them count.

Boxes are made of all that has an area, label maps of areas and boxes (see `shapes`), key points of points. Where no
task is asked for: key points if there are any, else boxes if any were drawn, else label maps.

Classes are those of `classes.txt` (see `class_names`) where the folder has it, else those that the tool lists, else the
labels of all splits by name. Splits are the folders `train/`, `val/` (or `valid/`), `test/`, each with an export of its
own; without, all is `train`.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from streamdeq.data.base import Clip, Dataset, Frames
from streamdeq.data.class_names import classes_file, read_classes
from streamdeq.data.films import films
from streamdeq.data.pictures import pictures
from streamdeq.data.poses import Pairs, labelled_poses, own_poses, sides_of
from streamdeq.data.reader import READERS, Reader, below, own_dataset
from streamdeq.data.shapes import GROUND, IGNORED, Sheet, boxes_on, painted, points_on, semantic
from streamdeq.data.targets import DrawnMaps, DrawnText
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

SPLITS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
STILL_FPS = 1.0
#: What a tool's name of the kind of a shape is to the tasks.
BOX, AREA, POINTS = "box", "area", "points"
_KINDS = {"detection": {BOX, AREA}, "segmentation": {BOX, AREA}, "pose": {POINTS}}


@dataclass(frozen=True, eq=False)
class Drawing:
    """A clip on whose frames somebody drew; `origin` is the file that says what."""

    name: str
    fps: float
    frames: Frames
    sheets: Mapping[int, Sheet]
    origin: Path


@dataclass(frozen=True, eq=False)
class Export:
    """What a split holds.

    Args:
        labels: names of classes as the tool lists them; empty where it does not.
        points: names of key points, likewise.
        skeleton: pairs of their places.
    """

    clips: tuple[Drawing, ...]
    labels: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    skeleton: Pairs = ()
    notes: tuple[str, ...] = ()


class ExportReader(Reader):
    """A tool's export, for one of the tasks; `for_tasks` makes all three."""

    @abstractmethod
    def kinds(self, folder: Path) -> frozenset[str]:
        """Which kinds of shapes are in a folder, or in the file given in its place; none where it is nothing of the
        tool. Nothing is parsed for that."""

    @abstractmethod
    def export(self, folder: Path, split: str) -> Export:
        """What a split holds, whatever the task."""

    def recognises(self, folder: Path) -> bool:
        kinds = self.kinds(folder)
        return bool(kinds) and self.task == _task(kinds, self.asked)

    def others(self, folder: Path) -> tuple[str, ...]:
        kinds = self.kinds(folder)
        return tuple(task for task, able in _KINDS.items() if kinds & able and task != self.task)

    def open(self, folder: Path, split: str) -> Dataset:
        self.check_split(folder, split)
        read = self.export(folder, split)
        if not read.clips:
            raise StreamdeqError(f"expected pictures of split '{split}' in {folder}, found none; {self.source}")
        home = folder.parent if folder.is_file() else folder
        if self.task == "pose":
            return self._poses(home, folder, split, read)
        labels = self._labels(home, folder, split, read)
        classes, uncovered = semantic(labels) if self.task == "segmentation" else (labels, 0)
        make = painted(classes, uncovered) if self.task == "segmentation" else _boxes(classes)
        kind = DrawnMaps if self.task == "segmentation" else DrawnText
        clips = [
            Clip(one.name, one.fps, one.frames, kind(one.sheets, one.frames, make, one.origin)) for one in read.clips
        ]
        return own_dataset(home, self.task, split, classes, clips, notes=read.notes)

    def _labels(self, home: Path, folder: Path, split: str, read: Export) -> tuple[str, ...]:
        """The classes; for boxes without those that mean none.

        Raises:
            StreamdeqError: something has another label, or nothing has any.
        """
        used = dict.fromkeys(one.label for one in _shapes(read) if one.covers)
        if path := classes_file(home):
            listed = read_classes(path).names
        elif read.labels:
            listed = read.labels
        else:
            others = [self.export(folder, other) for other in self.splits(folder) if other != split]
            every = [one.label for export in (read, *others) for one in _shapes(export) if one.covers]
            listed = tuple(sorted(set(every)))
        for one in _shapes(read):
            if one.covers and one.label not in (*listed, *IGNORED):
                raise StreamdeqError(f"{one.where}: {unknown('class', one.label, list(listed))}")
        none = (*IGNORED, *GROUND) if self.task == "detection" else ()
        classes = tuple(name for name in listed if name not in none)
        if not classes or not used:
            raise StreamdeqError(f"expected boxes or areas with a label in {folder}, got none; draw some")
        return classes

    def _poses(self, home: Path, folder: Path, split: str, read: Export) -> Dataset:
        names = read.points
        if not names:
            every = [self.export(folder, other) for other in self.splits(folder) if other != split]
            names = tuple(
                dict.fromkeys(name for export in (read, *every) for one in _shapes(export) for name in one.points)
            )
        clips = []
        for one in read.clips:
            targets = DrawnText(one.sheets, one.frames, _points(names), one.origin)
            shown = {t: targets.read(t) for t in targets.labelled}
            clips.append(Clip(one.name, one.fps, one.frames, labelled_poses(shown)))
        return replace(own_poses(home, split, names, read.skeleton, sides_of(names), clips), notes=read.notes)


def for_tasks(name: str, tool: str) -> Callable[[type[ExportReader]], type[ExportReader]]:
    """Register a reader of this name for each of the tasks."""

    def register(kind: type[ExportReader]) -> type[ExportReader]:
        for task, what in (("pose", "points"), ("detection", "boxes"), ("segmentation", "masks")):
            title = f"{tool} export, for {task}"
            READERS.register(f"{name}-{what}")(
                type(f"{kind.__name__}{what.title()}", (kind,), {"task": task, "title": title})
            )
        return kind

    return register


def split_folders(folder: Path, holds: Callable[[Path], bool]) -> dict[str, Path]:
    """Where each split is: in a folder of its own that `holds` an export, else all in one, as `train`."""
    found = {split: folder / name for split, names in SPLITS.items() for name in names if holds(folder / name)}
    return found or ({"train": folder} if holds(folder) else {})


class Located:
    """Finds the pictures and films that an export names, whatever machine it is from: by the path below the folder or
    its `images/`, else by the last part of it, which must be the only one of that name."""

    def __init__(self, folder: Path, outside: bool) -> None:
        self._folder, self._outside = folder, outside
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, name: str, where: str, others: Iterable[str] = ()) -> Path:
        """The file of a name, or of one of `others`.

        Raises:
            StreamdeqError: there is none, there are two, or it lies outside.
        """
        plain = name.replace("\\", "/")
        for root in (self._folder, self._folder / "images"):
            if not plain.startswith("/") and (root / plain).is_file():
                return below(self._folder, str((root / plain).relative_to(self._folder)), where, self._outside)
        if self._outside and Path(plain).is_file():
            return Path(plain)
        for last in (Path(plain).name, *others):
            found = self._named().get(last, [])
            if len(found) > 1:
                raise StreamdeqError(f"expected one file '{last}', {where}, found {found[0]} and {found[1]}; move one")
            if found:
                return found[0]
        raise StreamdeqError(
            f"expected the picture '{name[-200:]}', {where}, in {self._folder} or its images/, found none; put it there"
        )

    def every(self) -> list[Path]:
        return [path for paths in self._named().values() for path in paths]

    def _named(self) -> dict[str, list[Path]]:
        if self._by_name is None:
            self._by_name = {}
            there = list(self._folder.rglob("*"))
            for path in (*pictures(there), *films(there)):
                self._by_name.setdefault(path.name, []).append(path)
        return self._by_name


def _task(kinds: frozenset[str], asked: str) -> str:
    """What labels of these kinds are opened for."""
    if kinds & _KINDS.get(asked, set()):
        return asked
    return "pose" if POINTS in kinds else "detection" if BOX in kinds else "segmentation"


def _shapes(read: Export) -> Iterator:
    return (one for clip in read.clips for sheet in clip.sheets.values() for one in sheet.shapes)


def _boxes(classes: tuple[str, ...]) -> Callable:
    return lambda sheet, size_hw: boxes_on(sheet, classes)


def _points(names: tuple[str, ...]) -> Callable:
    return lambda sheet, size_hw: points_on(sheet, names, size_hw)
