"""ImageNet-VID and DET, as ILSVRC2015 unpacks: films with boxes in XML.

Layout, in the folder or in its `ILSVRC2015/` or `ILSVRC/`: `Data/VID/{train,val,test}/…/SNIPPET/000000.JPEG` and the
same below `Annotations/VID` with `.xml`. `Data/DET/train` with `Annotations/DET/train`, where they are there, add to
training.

A snippet is a clip at 25 Hz (the files state no rate; most films have 25 or 30). Every frame of val is labelled; in
training 15 are, evenly (`train-all` has all). Of DET those pictures are taken that show one of the 30 classes, and of
their objects those classes alone. The lists published with FGFA (Zhu et al. 2017), `VID_train_15frames.txt` and
`DET_train_30classes.txt`, name these frames and pictures where they lie in `ImageSets/` or `Lists/`: 57,834 and 53,639.
The frames are listed on opening; XML is read frame by frame.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from xml.etree.ElementTree import Element

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.boxes import REACH, LabelledBox, box_in_frame, collect, with_motion
from streamdeq.data.class_names import IMAGENET_VID
from streamdeq.data.documents import read_xml
from streamdeq.data.frames import PictureFiles
from streamdeq.data.reader import READERS, Reader
from streamdeq.data.targets import Held, InText, fitted
from streamdeq.errors import StreamdeqError
from streamdeq.reading import read_bytes, read_text
from streamdeq.values import UNKNOWN
from streamdeq.values.boxes import Boxes
from streamdeq.values.palette import distinct_colours

SOURCE = (
    "register at https://www.image-net.org and get ILSVRC2015 VID (86 GB), and DET for training; or any COCO-VID JSON "
    "of it as train.json and val.json"
)
LICENCE = "ImageNet's terms of access: non-commercial research and education"
SPLITS = ("train", "train-all", "val", "test")
FPS = 25.0
#: In training so many frames of a film are used.
PER_FILM = 15

CLASSES = tuple(IMAGENET_VID.values())
_INDEX = {number: index for index, number in enumerate(IMAGENET_VID)}


@dataclass(frozen=True, eq=False)
class Annotations(InText):
    """The XML files of a clip's frames, of which `labelled` are used. `images` has the frames."""

    folder: Path
    images: Path
    stems: tuple[str, ...]
    labelled: tuple[int, ...]

    def read(self, t: int) -> Boxes | None:
        """With the motion of every object where every frame is labelled; the files of the frames around tell it."""
        if t not in self.labelled:
            return None
        if len(self.labelled) < len(self.stems) or len(self.stems) == 1:
            return self._read(t)
        around = range(max(0, t - REACH), min(len(self.stems), t + REACH + 1))
        return with_motion({u: self._read(u) for u in around}, (t,))[t]

    def _read(self, t: int) -> Boxes:
        stem = self.stems[t]
        return read_boxes(str(self.folder / f"{stem}.xml"), str(self.images / f"{stem}.JPEG"))


def _snippet(
    name: str, images: Path, annotations: Path | None, stems: tuple[str, ...], labelled: tuple[int, ...] | None = None
) -> Clip:
    """A folder of frames; `annotations` mirrors it, None for the test split. All frames are labelled where `labelled`
    is None."""
    frames = PictureFiles(tuple(str(images / f"{stem}.JPEG") for stem in stems))
    used = tuple(range(len(stems))) if labelled is None else labelled
    targets = Held.of({}) if annotations is None else Annotations(annotations, images, stems, used)
    return Clip(name, FPS, frames, targets)


def evenly(count: int, frames: int) -> tuple[int, ...]:
    """At most `count` of so many frames, each in the middle of an equal part: 10, 30, … 290 of 300 by 15."""
    if frames <= count:
        return tuple(range(frames))
    return tuple((2 * k + 1) * frames // (2 * count) for k in range(count))


# Neighbouring frames ask for the same files.
@lru_cache(maxsize=256)
def read_boxes(path: str, picture: str) -> Boxes:
    """The objects in an annotation file that are of one of the 30 classes, in the pixels of its picture.

    Raises:
        StreamdeqError: names the file and what is wrong with it.
    """
    root = read_xml(Path(path))
    width, height = (_number(root, f"size/{side}", path) for side in ("width", "height"))
    found = []
    for number, entry in enumerate(root.iter("object"), start=1):
        label = _INDEX.get((entry.findtext("name") or "").strip())
        if label is None:
            continue
        where = f"{path}, object {number}"
        corners = [_number(entry, f"bndbox/{side}", where) for side in ("xmin", "ymin", "xmax", "ymax")]
        box = box_in_frame((corners[0], corners[1], corners[2], corners[3]), width, height, where)
        track = (entry.findtext("trackid") or "").strip()
        found.append(LabelledBox(box, label, instance=int(track) if track.isdecimal() and len(track) < 19 else UNKNOWN))
    return fitted(collect(found), (height, width), Path(picture), Path(path))


def _number(entry: Element, name: str, where: str) -> float:
    text = entry.findtext(name)
    try:
        return float(text or "")
    except ValueError:
        raise StreamdeqError(f"expected a number as {name} in {where}, got {text!r}; correct it") from None


@READERS.register("imagenet-vid")
class ImageNetVid(Reader):
    title = "ImageNet-VID"
    expected = "Data/VID/ and Annotations/VID/ of ILSVRC2015"
    source = SOURCE
    complete = MappingProxyType({"train": 57_834 + 53_639, "val": 176_126})

    def recognises(self, folder: Path) -> bool:
        return _root(folder) is not None

    def splits(self, folder: Path) -> tuple[str, ...]:
        root = _root(folder)
        return tuple(split for split in SPLITS if root and (root / "Data/VID" / split.partition("-")[0]).is_dir())

    def open(self, folder: Path, split: str) -> Dataset:
        self.check_split(folder, split)
        root, part = _root(folder) or folder, split.partition("-")[0]
        clips = list(_snippets(root, part, few=split == "train"))
        if part == "train" and (root / "Data/DET/train").is_dir():
            clips += _stills(root)
        if not clips:
            raise StreamdeqError(f"expected folders of JPEG files in {root / 'Data/VID' / part}, found none; {SOURCE}")
        colours = distinct_colours(len(CLASSES))
        return Dataset("imagenet-vid", "detection", split, CLASSES, colours, tuple(clips), LICENCE)


def _root(folder: Path) -> Path | None:
    roots = (folder, folder / "ILSVRC2015", folder / "ILSVRC")
    return next((root for root in roots if (root / "Data/VID").is_dir()), None)


def _snippets(root: Path, part: str, *, few: bool) -> Iterator[Clip]:
    """The films of a part; of `few` frames each those that are listed, or as many evenly."""
    listed = _listed(root, "VID_train_15frames.txt") if few else None
    films = None if listed is None else _frames_of(*listed)
    for place, stems in _pictures(root / "Data/VID" / part):
        below = place.relative_to(root / "Data")
        annotations = root / "Annotations" / below
        if part != "test" and not annotations.is_dir():
            raise StreamdeqError(f"expected the annotations of {place} in {annotations}, found none; {SOURCE}")
        labelled = evenly(PER_FILM, len(stems)) if few else None
        if films is not None:
            numbers = films.get(str(place.relative_to(root / "Data/VID")), frozenset())
            labelled = tuple(t for t, stem in enumerate(stems) if stem in numbers)
        yield _snippet(place.name, place, annotations if annotations.is_dir() else None, stems, labelled)


def _listed(root: Path, name: str) -> tuple[Path, list[list[str]]] | None:
    """A published list and the words of its lines, if there is one."""
    path = next((path for path in (root / "ImageSets" / name, root / "Lists" / name) if path.is_file()), None)
    if path is None:
        return None
    return path, [line.split() for line in read_text(path).splitlines() if line.strip()]


def _frames_of(path: Path, lines: list[list[str]]) -> dict[str, set[str]]:
    """Lines `train/PART/SNIPPET 1 FRAME FRAMES` → the listed frames' stems by folder."""
    films: dict[str, set[str]] = {}
    for number, words in enumerate(lines, start=1):
        if len(words) != 4 or not words[2].isdecimal():
            raise StreamdeqError(f"expected FOLDER 1 FRAME FRAMES in {path}, line {number}, got '{' '.join(words)}'")
        films.setdefault(words[0], set()).add(f"{int(words[2]):06d}")
    return films


def _stills(root: Path) -> Iterator[Clip]:
    """The pictures of DET that are listed, or show one of the classes; each is a clip of one frame."""
    listed = _listed(root, "DET_train_30classes.txt")
    if listed is not None:
        for name in dict.fromkeys(words[0] for words in listed[1]):
            place = (root / "Data/DET" / name).parent
            stem = PurePosixPath(name).name
            yield _snippet(stem, place, root / "Annotations" / place.relative_to(root / "Data"), (stem,))
        return
    for place, stems in _pictures(root / "Data/DET/train"):
        annotations = root / "Annotations" / place.relative_to(root / "Data")
        for stem in stems:
            if (annotations / f"{stem}.xml").is_file() and _shows_any(annotations / f"{stem}.xml"):
                yield _snippet(stem, place, annotations, (stem,))


def _shows_any(path: Path) -> bool:
    text = read_bytes(path)
    return any(number.encode() in text for number in IMAGENET_VID)


def _pictures(folder: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Every folder that has JPEG files, with their names without suffix in order."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        if stems := tuple(sorted(name[:-5] for name in names if name.endswith(".JPEG"))):
            yield Path(place), stems
