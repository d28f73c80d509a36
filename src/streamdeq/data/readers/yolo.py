"""A user's own boxes, polygons or key points in YOLO's layout.

Layout: `data.yaml` (or the folder's only other YAML file with these keys) with `names` (a list, or number: name) and
`train`, `val`, `test`: a folder of pictures each, a text file that lists them, or a list of such, below the folder
(or below `path` in it). The YAML file itself may be given in the folder's place. For a picture `…/images/…/NAME.jpg`
the labels are in `…/labels/…/NAME.txt`, as `yolo_lines` says; no file: nothing is there. A picture is a clip of one
frame. A film `…/images/…/NAME.mp4` has a file `NAME_12.txt` (or `NAME/12.txt`) for each labelled frame, counted from 1
as Ultralytics counts; frames without a file are not labelled.

Of boxes, polygons and key points, boxes can be had of all: a polygon's is the one around it. Label maps are painted of
polygons (see `shapes`). Key points are there where the file has `kpt_shape`.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamdeq.data.base import Clip, Dataset, Frames, Targets
from streamdeq.data.documents import MOST_YAML, read_yaml
from streamdeq.data.films import films, fps_of, frames_until, numbered, size_hw
from streamdeq.data.frames import PictureFiles
from streamdeq.data.pictures import pictures, size_of
from streamdeq.data.poses import Pairs, own_poses, sides_of
from streamdeq.data.reader import READERS, Reader, below, own_dataset
from streamdeq.data.shapes import Size, boxes_on, painted, points_on, semantic
from streamdeq.data.targets import DrawnMaps, LazyText
from streamdeq.data.yolo_lines import Lines
from streamdeq.errors import StreamdeqError
from streamdeq.reading import read_bytes, read_text
from streamdeq.registry import unknown

FILES = ("data.yaml", "data.yml", "dataset.yaml")
SOURCE = "export YOLO from your labelling tool: data.yaml, images/train/, labels/train/, …"
SPLITS = ("train", "val", "test")
FPS = 1.0


@dataclass(frozen=True)
class _Yaml:
    """What data.yaml says: names of classes, places of pictures by split, names of key points with the numbers of each
    and the pairs that change places in a mirror."""

    names: tuple[str, ...]
    places: dict[str, list[Path]]
    points: tuple[str, ...] = ()
    per_point: int = 3
    mirrored: Pairs = ()


class _Yolo(Reader):
    expected = "data.yaml with names, train and val, images/ and labels/ as YOLO has them"
    source = SOURCE
    suffixes = (".yaml", ".yml")

    def recognises(self, folder: Path) -> bool:
        return _file(folder) is not None

    def splits(self, folder: Path) -> tuple[str, ...]:
        path = _file(folder)
        return tuple(split for split in SPLITS if path and split in _read(path, self.allow_outside).places)

    def open(self, folder: Path, split: str) -> Dataset:
        path = _file(folder)
        about = _read(path, self.allow_outside) if path else _Yaml((), {})
        if split not in about.places:
            raise StreamdeqError(unknown("split", split, list(about.places)))
        places = about.places[split]
        for place in places:
            if not os.path.isdir(place) and not (os.path.isfile(place) and place.suffix == ".txt"):
                raise StreamdeqError(f"expected the folder {place}, {split} of {path}, found none; correct the file")
        lists = {place: list(_listed(place, self.allow_outside)) for place in places if place.is_file()}
        every = {one for place in places for one in lists.get(place) or place.rglob("*")}
        found, filmed = pictures(every), films(every)
        if not (found or filmed):
            raise StreamdeqError(f"expected pictures in {', '.join(map(str, places))}, found none; {SOURCE}")
        listed = [one.parent for files in lists.values() for one in files]
        above = Path(os.path.commonpath([*listed, *(place for place in places if place not in lists)]))
        numbers = {film: numbered(_label_of(film).parent, film.stem, ".txt") for film in filmed}
        _check_labels([_label_of(image) for image in found], numbers, split)
        kind = _Clips(about, self.task, above)
        clips = [kind.still(image) for image in found]
        clips += [kind.film(film, files) for film, files in numbers.items() if files]
        return self.dataset(folder.parent if folder.is_file() else folder, split, about, clips)

    def dataset(self, folder: Path, split: str, about: "_Yaml", clips: list[Clip]) -> Dataset:
        return own_dataset(folder, self.task, split, about.names, clips)


@READERS.register("yolo")
class Yolo(_Yolo):
    title = "YOLO boxes"
    task = "detection"


@READERS.register("yolo-masks")
class YoloMasks(_Yolo):
    title = "YOLO polygons"
    task = "segmentation"

    def dataset(self, folder: Path, split: str, about: "_Yaml", clips: list[Clip]) -> Dataset:
        return own_dataset(folder, self.task, split, semantic(about.names)[0], clips)


@READERS.register("yolo-points")
class YoloPoints(_Yolo):
    title = "YOLO key points"
    task = "pose"

    def recognises(self, folder: Path) -> bool:
        path = _file(folder)
        with suppress(StreamdeqError):  # what is wrong with the file is told when it is opened
            return path is not None and "kpt_shape" in read_yaml(path)
        return False

    def others(self, folder: Path) -> tuple[str, ...]:
        return ("detection",)

    def dataset(self, folder: Path, split: str, about: "_Yaml", clips: list[Clip]) -> Dataset:
        return own_poses(folder, split, about.points, (), about.mirrored or sides_of(about.points), clips)


@dataclass(frozen=True)
class _Clips:
    """Makes clips of pictures and films; `above` is the folder that their names begin below."""

    about: _Yaml
    task: str
    above: Path

    def still(self, image: Path) -> Clip:
        frames = PictureFiles((image,))
        targets = self._targets({0: _label_of(image)}, frames, image, lambda: size_of(image))
        return Clip(image.relative_to(self.above).as_posix(), FPS, frames, targets)

    def film(self, film: Path, labels: dict[int, Path]) -> Clip:
        """Frames are counted from 1 in the names of their files, as Ultralytics writes them."""
        if 0 in labels:
            raise StreamdeqError(f"expected frames counted from 1, as Ultralytics counts them, got {labels[0]}")
        frames = frames_until(film, max(labels) - 1)
        files = {number - 1: path for number, path in labels.items()}
        targets = self._targets(files, frames, film, lambda: size_hw(film))
        return Clip(film.relative_to(self.above).as_posix(), fps_of(film), frames, targets)

    def _targets(self, files: dict[int, Path], frames: Frames, origin: Path, size: Callable[[], Size]) -> Targets:
        about, labelled = self.about, tuple(sorted(files))
        lines = Lines(about.names, about.points, about.per_point, self.task)
        if self.task == "segmentation":
            sheets = {t: lines.read(path, size()) for t, path in files.items()}
            return DrawnMaps(sheets, frames, painted(*semantic(about.names)), origin)
        if self.task == "pose":
            return LazyText(labelled, lambda t: points_on(lines.read(files[t], size()), about.points, size()))
        return LazyText(labelled, lambda t: boxes_on(lines.read(files[t], size()), about.names))


def _check_labels(labels: list[Path], numbers: dict[Path, dict[int, Path]], split: str) -> None:
    """Raises StreamdeqError where no picture and no film has a label file."""
    if not any(numbers.values()) and not any(label.is_file() for label in labels):
        first = labels[0] if labels else next(_label_of(film).with_stem(f"{film.stem}_1") for film in numbers)
        raise StreamdeqError(
            f"expected labels of '{split}' in {first.parent}, such as {first.name}, found none of "
            f"{len(labels) or len(numbers)}; put them there (an empty file says that nothing is in a picture)"
        )


def _label_of(image: Path) -> Path:
    """The last `images` on the way becomes `labels`."""
    parts = list(image.with_suffix(".txt").parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return Path(*parts)


def _listed(path: Path, outside: bool) -> Iterator[Path]:
    """The pictures that a text file lists, below its folder."""
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip():
            where = f"line {number} of {path}"
            if not os.path.isfile(found := below(path.parent, line.strip(), where, outside)):
                raise StreamdeqError(f"expected the picture {found}, {where}, found none; correct it")
            yield found


def _file(folder: Path) -> Path | None:
    """The file itself, that of a usual name, or the only one whose text has the keys."""
    if folder.is_file():
        return folder
    usual = next((folder / name for name in FILES if (folder / name).is_file()), None)
    others = [path for path in sorted(folder.glob("*.y*ml")) if path.is_file() and not usual and _has_keys(path)]
    return usual or (others[0] if len(others) == 1 else None)


def _has_keys(path: Path) -> bool:
    with suppress(StreamdeqError):
        text = read_bytes(path, MOST_YAML)
        return all(re.search(rb"^%s\s*:" % key, text, re.MULTILINE) for key in (b"names", b"train"))
    return False


def _read(path: Path, outside: bool) -> _Yaml:
    values = read_yaml(path)
    names = _names(values.get("names"), path)
    if str(values.get("nc") or len(names)) != str(len(names)):
        raise StreamdeqError(
            f"expected {values['nc']} names in {path}, as nc says, got {len(names)}; correct one of them"
        )
    folder = root = path.parent.absolute()
    if isinstance(values.get("path"), str) and os.path.isdir(root / values["path"]):
        root = below(folder, values["path"], str(path), outside)  # exports often carry the path of another machine
    places = {}
    for split in SPLITS:
        given = values.get(split) or []
        listed = [given] if isinstance(given, str) else given
        if not isinstance(listed, list) or not all(isinstance(one, str) and one for one in listed):
            raise StreamdeqError(f"expected a folder, or a list, as {split} in {path}, got {given}; correct it")
        if listed:
            places[split] = [_place(folder, root, one, path, outside) for one in listed]
    points, per_point = _points(values, path)
    return _Yaml(names, places, points, per_point, _mirrored(values.get("flip_idx") or [], len(points), path))


def _points(values: dict[str, Any], path: Path) -> tuple[tuple[str, ...], int]:
    """Names of key points (`kpt_names`, a list or one by class; else point 1, …), and how many numbers each has."""
    shape = values.get("kpt_shape") or []
    if not isinstance(shape, list) or not all(isinstance(one, str) and one.isdecimal() for one in shape):
        raise StreamdeqError(f"expected two numbers as kpt_shape in {path}, got {shape}; correct it")
    if not shape:
        return (), 3
    if len(shape) != 2 or len(shape[0]) > 4 or int(shape[0]) < 1 or shape[1] not in ("2", "3"):
        raise StreamdeqError(f"expected kpt_shape: [points, 2 or 3] in {path}, got {str(shape)[:60]}; correct it")
    count, given = int(shape[0]), values.get("kpt_names") or []
    named = next(iter(given.values())) if isinstance(given, dict) else given
    if not named:
        return tuple(f"point {k}" for k in range(1, count + 1)), int(shape[1])
    texts = isinstance(named, list) and all(isinstance(one, str) for one in named)
    if not texts or len(named) != count or len(set(named)) < count:
        raise StreamdeqError(f"expected {count} different names as kpt_names in {path}, got {str(named)[:80]}")
    return tuple(named), int(shape[1])


def _mirrored(given: Any, count: int, path: Path) -> Pairs:
    """`flip_idx`: of every point the one that it changes places with."""
    good = isinstance(given, list) and all(isinstance(one, str) and one.isdecimal() and len(one) < 5 for one in given)
    places = [int(one) for one in given] if good else [-1]
    if places and [places[k] for k in places if 0 <= k < len(places)] != list(range(count)):
        raise StreamdeqError(
            f"expected the place of every point's partner, 0..{count - 1}, as flip_idx in {path}, got "
            f"{str(given)[:80]}; correct it"
        )
    return tuple((k, other) for k, other in enumerate(places) if k < other)


def _names(given: Any, path: Path) -> tuple[str, ...]:
    """Of a list, or by their numbers."""
    if isinstance(given, dict):
        numbers = sorted(int(key) for key in given if key.isdecimal())
        if numbers != list(range(len(given))):
            raise StreamdeqError(
                f"expected names by number, 0 to {len(given) - 1}, in {path}, got {', '.join(given)}; correct them"
            )
        given = [given[key] for key in sorted(given, key=int)]
    names = tuple(given) if isinstance(given, list) else ()
    if not names or not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        got = ", ".join(map(str, names)) or (repr(given) if given else "none")
        raise StreamdeqError(f"expected different names of classes in {path}, got {got}; correct it")
    return names


def _place(folder: Path, root: Path, given: str, path: Path, outside: bool) -> Path:
    inside = re.sub(r"^(\.\./)+", "", given)  # as some tools write them, one level too high
    higher = os.path.exists(root / given) and not os.path.exists(root / inside)
    place = below(folder, str(root / (given if higher else inside)), str(path), outside)
    if place != folder and folder.is_relative_to(place):  # `train: /` is the whole machine
        raise StreamdeqError(f"expected a folder of pictures in {path}, got {given}, which has the file itself in it")
    return place
