"""CVAT's own exports, "CVAT for images 1.1" and "CVAT for video 1.1": one XML file with boxes, polygons, masks, points.

Layout: `annotations.xml` (or any one XML file of that form) with the pictures below the folder or its `images/`, where
CVAT puts them, or the film that was labelled. Splits are the subsets that pictures have, else as `exports` says.

Of a film every frame of the task is labelled; frame N is `images/frame_00000N.…` where such pictures are there, else
frame N of the film, counted from 0. A track's shapes that are `outside` are not in their frames. `z_order`, then the
order of the file, says what is above what. A turned box is the box around it, and its own area for label maps; of a
mask, `rle` counts pixels row by row in its window. Key points are a skeleton's, or `points`: of one point each, whose
label is its name and whose `group_id` says to whom it belongs, or of several, which are `point 1`, `point 2`, …
Polylines, cuboids and tags are left out, which is told.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from streamdeq.data.cvat_shapes import LEFT_OUT, group_points, shape_of
from streamdeq.data.exports import (
    AREA,
    BOX,
    POINTS,
    SPLITS,
    STILL_FPS,
    Drawing,
    Export,
    ExportReader,
    Located,
    for_tasks,
    split_folders,
)  # fmt: skip
from streamdeq.data.films import films, fps_of, frames_until, size_hw
from streamdeq.data.frames import PictureFiles, runs
from streamdeq.data.pictures import pictures, size_of
from streamdeq.data.problems import Problems
from streamdeq.data.shapes import Shape, Sheet
from streamdeq.data.xml_nodes import MOST_XML, Node, read_nodes
from streamdeq.errors import StreamdeqError
from streamdeq.values import UNKNOWN

_KINDS = {
    b"<box ": BOX, b"<polygon ": AREA, b"<mask ": AREA, b"<ellipse ": AREA, b"<points ": POINTS, b"<skeleton ": POINTS,
}  # fmt: skip
_FPS = 25.0
#: Of a task with pictures in no known order.
_NUMBERED = re.compile(r"frame_(\d+)$")


@for_tasks("cvat", "CVAT")
class Cvat(ExportReader):
    expected = "annotations.xml of CVAT (for images, or for video) with its pictures or film"
    source = 'export "CVAT for images 1.1" or "CVAT for video 1.1" with its pictures, and unpack it'
    suffixes = (".xml",)

    def kinds(self, folder: Path) -> frozenset[str]:
        files = [one for place in split_folders(folder, _holds).values() for one in _files(place)]
        found = frozenset(kind for path in files for key, kind in _KINDS.items() if key in _text(path))
        return found or frozenset({BOX} if files else ())

    def splits(self, folder: Path) -> tuple[str, ...]:
        places = split_folders(folder, _holds)
        if list(places.values()) != [folder]:
            return tuple(places)
        found = {
            _subset(image) for path in _files(folder) for image in read_nodes(path).children if image.tag == "image"
        }
        return tuple(split for split in SPLITS if split in found) or ("train",)

    def export(self, folder: Path, split: str) -> Export:
        places = split_folders(folder, _holds)
        place, whole = places.get(split, folder), list(places.values()) == [folder]
        located = Located(place.parent if place.is_file() else place, self.allow_outside)
        clips, labels, names, left, problems = (
            list[Drawing](),
            dict[str, str](),
            dict[str, str](),
            Counter(),
            Problems(),
        )
        for path in _files(place):
            root = read_nodes(path)
            for label in (one for meta in root.children if meta.tag == "meta" for one in meta.every("label")):
                _list_label(label, labels, names)
            wanted = (lambda image: _subset(image) in ("", split)) if whole else (lambda image: True)
            with problems.collect():
                clips += _stills(root, path, located, wanted, left)
                clips += _film(root, path, located, left)
        problems.tell()
        told = ", ".join(f"{count} {tag}" for tag, count in sorted(left.items()))
        notes = (f"{told} elements of {place} are left out: they are no boxes, areas or points",) * bool(left)
        area = {one.label for clip in clips for sheet in clip.sheets.values() for one in sheet.shapes if one.covers}
        classes = tuple(name for name, kind in labels.items() if name in area or kind not in ("points", "skeleton"))
        return Export(tuple(clips), classes, tuple(names), notes=notes)


def _holds(place: Path) -> bool:
    return any(_files(place))


def _files(place: Path) -> list[Path]:
    """The file itself, or those of the form in a folder, or in its `annotations/`."""
    if place.is_file():
        return [place] if place.suffix.lower() == ".xml" and _is_export(place) else []
    listed = [*place.glob("*.xml"), *(place / "annotations").glob("*.xml")]
    return [path for path in sorted(listed) if path.is_file() and _is_export(path)]


def _is_export(path: Path) -> bool:
    with path.open("rb") as file:
        return b"<annotations" in file.read(4096)


def _text(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_XML)


def _subset(image: Node) -> str:
    """The split that a picture's subset is, `train` for one of another name; empty without."""
    given = image.attributes.get("subset", "").lower()
    return next((split for split, names in SPLITS.items() if given in names), "train" if given else "")


def _list_label(label: Node, labels: dict[str, str], names: dict[str, str]) -> None:
    """Put a label where it belongs: to classes, with its kind, or, of a skeleton, to the key points."""
    name, kind, parent = (found.text if (found := label.first(tag)) else "" for tag in ("name", "type", "parent"))
    if name and parent:
        names.setdefault(name, parent)
    elif name:
        labels.setdefault(name, kind)


def _stills(root: Node, path: Path, located: Located, wanted, left: Counter) -> Iterator[Drawing]:
    for image in (one for one in root.children if one.tag == "image" and wanted(one)):
        name, where = image.attributes.get("name", ""), f"line {image.line} of {path}"
        if not name:
            raise StreamdeqError(f"expected a name of the image in {where}, got none; export it again")
        size = _size(image, path)
        frames = PictureFiles((located.find(name, where),))
        yield Drawing(name, STILL_FPS, frames, {0: Sheet(_shapes(image.children, size, path, left), size)}, path)


def _size(image: Node, path: Path) -> tuple[float, float]:
    try:
        height, width = (float(image.attributes[side]) for side in ("height", "width"))
    except (KeyError, ValueError):
        height = width = 0.0
    if not (0 < height < 1e6 and 0 < width < 1e6):
        raise StreamdeqError(f"expected width and height of the image in {path}, line {image.line}; export it again")
    return height, width


def _shapes(nodes: Iterable[Node], size: tuple[float, float], path: Path, left: Counter) -> tuple[Shape, ...]:
    found, problems = list[Shape](), Problems()
    for node in nodes:
        if node.tag in LEFT_OUT:
            left[node.tag] += 1
            continue
        with problems.collect():
            if (shape := shape_of(node, size, f"{path}, line {node.line}")) is not None:
                found.append(shape)
    problems.tell()
    return group_points(found)


# -- films -------------------------------------------------------------------------------------------------


def _film(root: Node, path: Path, located: Located, left: Counter) -> Iterator[Drawing]:
    tracks = [one for one in root.children if one.tag == "track"]
    if not tracks:
        return
    if len(root.every("task")) > 1:
        raise StreamdeqError(
            f"expected one task in {path}, got several, whose frames have the same numbers; export each"
        )
    shown: dict[int, list[tuple[Node, Node]]] = {}
    for track in tracks:
        for node in track.children:
            shown.setdefault(_frame_of(node, path), []).append((track, node))
    name, where = _said(root, "source"), f"the source of {path}"
    numbers = sorted({*shown, *_numbers(root)})
    found = _pictures(located, numbers)
    if found:
        for run in runs(sorted(found), lambda run, number: number - run[-1] <= _step(root)):
            frames = PictureFiles(tuple(found[number] for number in run))
            height, width = size_of(found[run[0]])
            at = {t: shown.get(number, []) for t, number in enumerate(run)}
            title = (name or path.stem) + (f"@{run[0]}" if len(run) < len(found) else "")
            yield Drawing(title, _FPS / _step(root), frames, _sheets(at, (height, width), path, left), path)
        return
    there = films(located.every())
    film = there[0] if len(there) == 1 else located.find(name or "frame_000000.png", where)
    at = {number: shown.get(number, []) for number in numbers}
    sheets = _sheets(at, size_hw(film), path, left)
    yield Drawing(film.stem, fps_of(film), frames_until(film, max(numbers)), sheets, path)


def _frame_of(node: Node, path: Path) -> int:
    given = node.attributes.get("frame", "")
    if not re.fullmatch(r"\d{1,9}", given, re.ASCII):
        raise StreamdeqError(f"expected a frame's number in {path}, line {node.line}, got '{given[:40]}'; correct it")
    return int(given)


def _said(root: Node, tag: str) -> str:
    return next((one.text for meta in root.children if meta.tag == "meta" for one in meta.every(tag) if one.text), "")


def _step(root: Node) -> int:
    found = re.fullmatch(r"step=(\d{1,6})", _said(root, "frame_filter").replace(" ", ""))
    return max(1, int(found[1])) if found else 1


def _numbers(root: Node) -> range:
    """The frames of the task, as far as it says them."""
    first, last = (_said(root, tag) for tag in ("start_frame", "stop_frame"))
    if re.fullmatch(r"\d{1,7}", first) and re.fullmatch(r"\d{1,7}", last):
        return range(int(first), int(last) + 1, _step(root))
    return range(0)


def _pictures(located: Located, numbers: list[int]) -> Mapping[int, Path]:
    """By frame number: those named `frame_000012`, else, where there are as many as frames, all in order."""
    there = pictures(located.every())
    named = {int(found[1]): one for one in there if (found := _NUMBERED.search(one.stem))}
    if named:
        return {number: named[number] for number in numbers if number in named}
    return dict(zip(numbers, there, strict=True)) if len(there) == len(numbers) else {}


def _sheets(
    at: Mapping[int, list[tuple[Node, Node]]], size: tuple[int, int], path: Path, left: Counter
) -> dict[int, Sheet]:
    sheets, problems = {}, Problems()
    for t, nodes in at.items():
        found = list[Shape]()
        for track, node in nodes:
            if node.tag in LEFT_OUT:
                left[node.tag] += 1
                continue
            with problems.collect():
                if node.attributes.get("outside") == "1":
                    continue
                where, number = f"{path}, line {node.line}", track.attributes.get("id", "")
                instance = int(number) if re.fullmatch(r"\d{1,9}", number, re.ASCII) else UNKNOWN
                shape = shape_of(node, size, where, track.attributes.get("label", ""), instance)
                if shape is not None:
                    found.append(shape)
        sheets[t] = Sheet(group_points(found), size)
    problems.tell()
    return sheets
