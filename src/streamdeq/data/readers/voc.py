"""Boxes in Pascal VOC's XML, one file a picture, as VOC itself, labelImg and Roboflow have them.

Layout: `NAME.xml` beside `NAME.jpg`, in the folder or in `train/`, `val/` (or `valid/`), `test/`; or `Annotations/`
with `JPEGImages/` and lists `ImageSets/Main/train.txt`, …, of names. Coordinates are taken as they stand. `difficult`
objects are ignored. Classes are those of `classes.txt`, else the names of all splits by the alphabet.
"""

import math
from collections.abc import Iterator
from pathlib import Path

from streamdeq.data.exports import BOX, SPLITS, STILL_FPS, Drawing, Export, ExportReader
from streamdeq.data.frames import PictureFiles
from streamdeq.data.pictures import PICTURES, size_of
from streamdeq.data.problems import Problems
from streamdeq.data.reader import READERS
from streamdeq.data.shapes import Shape, Sheet
from streamdeq.data.xml_nodes import Node, read_nodes
from streamdeq.errors import StreamdeqError
from streamdeq.reading import read_text

_SIDES = ("xmin", "ymin", "xmax", "ymax")


@READERS.register("voc")
class Voc(ExportReader):
    title = "Pascal VOC"
    expected = "NAME.xml beside NAME.jpg, in train/ and val/; or Annotations/, JPEGImages/ and ImageSets/Main/"
    source = "export Pascal VOC from your labelling tool, and put it into train/ and val/"
    task = "detection"

    def kinds(self, folder: Path) -> frozenset[str]:
        return frozenset({BOX} if _lists(folder) or _places(folder) else ())

    def others(self, folder: Path) -> tuple[str, ...]:
        return ()

    def splits(self, folder: Path) -> tuple[str, ...]:
        return tuple(_lists(folder) or _places(folder))

    def export(self, folder: Path, split: str) -> Export:
        lists = _lists(folder)
        if lists:
            names = [line.split()[0] for line in read_text(lists[split]).splitlines() if line.strip()]
            files = [folder / "Annotations" / f"{Path(name).name}.xml" for name in names]
        else:
            files = sorted(_places(folder)[split].glob("*.xml"))
        clips, problems = list[Drawing](), Problems()
        for path in files:
            with problems.collect():
                clips.append(_clip(path, folder / "JPEGImages" if path.parent.name == "Annotations" else path.parent))
        problems.tell()
        return Export(tuple(clips))


def _lists(folder: Path) -> dict[str, Path]:
    """The lists of splits, where the folder is laid out as VOC itself."""
    found = {split: folder / "ImageSets/Main" / f"{split}.txt" for split in SPLITS}
    there = _is_voc(folder / "Annotations")
    return {split: path for split, path in found.items() if there and path.is_file()}


def _places(folder: Path) -> dict[str, Path]:
    found = {split: folder / name for split, names in SPLITS.items() for name in names if _is_voc(folder / name)}
    alone = next((place for place in (folder, folder / "Annotations") if _is_voc(place)), None)
    return found or ({} if alone is None else {"train": alone})


def _is_voc(place: Path) -> bool:
    """By the first file of XML in a folder."""
    first = min(place.glob("*.xml"), default=None) if place.is_dir() else None
    if first is None or not first.is_file():
        return False
    with first.open("rb") as file:
        head = file.read(4096)
    return b"<annotation>" in head or b"<annotation " in head


def _clip(path: Path, pictures: Path) -> Drawing:
    root = read_nodes(path)
    named = Path((found.text if (found := root.first("filename")) else "").replace("\\", "/")).name
    beside = [pictures / name for name in (named, *(f"{path.stem}{suffix}" for suffix in sorted(PICTURES))) if name]
    picture = next((one for one in beside if one.suffix.lower() in PICTURES and one.is_file()), None)
    if picture is None:
        raise StreamdeqError(
            f"expected the picture '{named or path.stem}' of {path} in {pictures}, found none; put it there"
        )
    sides = [root.first("size", side) for side in ("height", "width")]
    said = [float(one.text) for one in sides if one is not None and one.text.isdecimal() and 0 < len(one.text) < 7]
    size = (said[0], said[1]) if len(said) == 2 and min(said) > 0 else size_of(picture)
    return Drawing(
        picture.name, STILL_FPS, PictureFiles((picture,)), {0: Sheet(tuple(_shapes(root, path)), size)}, path
    )


def _shapes(root: Node, path: Path) -> Iterator[Shape]:
    for one in (child for child in root.children if child.tag == "object"):
        where, name, difficult = f"{path}, line {one.line}", one.first("name"), one.first("difficult")
        if name is None or not name.text:
            raise StreamdeqError(f"expected a name of the object in {where}, got none; correct it")
        texts = [found.text if (found := one.first("bndbox", side)) is not None else "" for side in _SIDES]
        try:
            left, top, right, bottom = map(float, texts)
        except ValueError:
            left = top = right = bottom = math.nan
        if not all(map(math.isfinite, (left, top, right, bottom))):
            raise StreamdeqError(
                f"expected numbers as {', '.join(_SIDES)} in {where}, got {', '.join(texts)[:60]}; correct it"
            )
        yield Shape(
            name.text, where, (left, top, right, bottom), ignore=difficult is not None and difficult.text == "1"
        )
