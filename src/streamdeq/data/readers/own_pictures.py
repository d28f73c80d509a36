"""A user's own segmentation data: pictures, label pictures, a list of classes.

Layout, in one folder:

- `images/NAME.jpg` (any picture format) and `labels/NAME.png` (or `masks/NAME.png`) of the same size and name, 8 bit, a
  class index per pixel, 255 where there is none. Both may have subfolders, the same ones. A picture needs no label.
- films `images/NAME.mp4` with `labels/NAME/12.png` (or `labels/NAME_12.png`) for frame 12, counted from 0.
- `classes.txt` or `classes.json`: see `class_names`. Where labels hold 0 and 255 alone (or 0 and 1, of one bit), and
  there is no list, or it has one or two names and gives no values, they are two classes: 0 is the first (`background`
  where it has no name), 255 the second (`object`). That is told.
- splits, one of: lists `train.txt`, `val.txt`, `test.txt` beside the folders, a NAME (or NAME.jpg) per line; or
  subfolders `images/train/`, `labels/train/`, …; with neither, everything is `train`.
- `clips.jsonl`, if some pictures are films: per line
  `{"name": "drive1", "fps": 25, "frames": ["drive1/0001", "drive1/0002", …], "labelled": [1]}`;
  `frames` are NAMEs in time order, `labelled` counts them from 0 and defaults to all that have a label file. A clip
  belongs to the split of its labelled frames. Labelled pictures in no clip are clips of one frame.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.class_names import FILES, Classes, classes_file, read_classes
from streamdeq.data.documents import Schema, licence_of, read_json_lines
from streamdeq.data.films import films, fps_of, frames_until
from streamdeq.data.frames import PictureFiles
from streamdeq.data.pictures import PICTURES, pictures, read_index_map
from streamdeq.data.reader import READERS, Reader
from streamdeq.data.targets import Coding, LabelFile, LabelMaps
from streamdeq.errors import StreamdeqError
from streamdeq.reading import read_text
from streamdeq.registry import unknown
from streamdeq.values.palette import distinct_colours

SOURCE = (
    "your own data: images/NAME.jpg with labels/NAME.png, classes.txt with a class per line, splits by train.txt and "
    "val.txt (a NAME per line) or by subfolders images/train/, labels/train/, …; clips.jsonl says what is a film"
)
SPLITS = ("train", "val", "test")
#: Label pictures that are looked into for what values they hold.
SAMPLE = 20
FPS = 1.0
"""Of a clip of one picture, where it means nothing."""


class Film(Schema, forbid_unknown_fields=True):
    """A line of clips.jsonl. `labelled` counts the frames from 0; when it is checked, `frames` are keys (names without
    suffix)."""

    expected = "the keys name, fps, frames and perhaps labelled"
    name: Annotated[str, Meta(min_length=1, description="a text as name")]
    fps: Annotated[float, Meta(gt=0, lt=1e6, description="a number above 0 as fps")]
    frames: Annotated[list[str], Meta(min_length=1, description="a list of names as frames")]
    labelled: Annotated[list[int] | None, Meta(description="a list of whole numbers as labelled")] = None

    @property
    def labelled_frames(self) -> tuple[str, ...]:
        return tuple(self.frames[t] for t in self.labelled or ())


@dataclass(frozen=True)
class Tree:
    """What is in a folder. Pictures and labels by key; `split` has the keys that belong to one."""

    classes: Classes
    images: Mapping[str, Path]
    labels: Mapping[str, Path]
    split: Mapping[str, str]
    films: tuple[Film, ...]
    videos: Mapping[str, Path]
    notes: tuple[str, ...] = ()

    def video_labels(self, key: str) -> dict[int, Path]:
        """The labels of a film's frames, by their numbers."""
        found = {label: re.fullmatch(rf"{re.escape(key)}[/_](\d{{1,9}})", label, re.ASCII) for label in self.labels}
        return {int(match[1]): self.labels[label] for label, match in found.items() if match}

    @property
    def filmed(self) -> set[str]:
        return {key for film in self.films for key in film.frames}


@READERS.register("own-pictures")
class OwnPictures(Reader):
    title = "own pictures"
    expected = "images/ and labels/ with classes.txt"
    source = SOURCE

    def recognises(self, folder: Path) -> bool:
        there = (folder / "images").is_dir() and _labels(folder).is_dir()
        return there and (classes_file(folder) is not None or _two_values(folder) is not None)

    def lacks(self, folder: Path) -> str:
        """Of a folder with images/ or labels/: the rest."""
        places = {"images": folder / "images", "labels": _labels(folder)}
        there = [name for name, place in places.items() if place.is_dir()]
        pngs = next(_labels(folder).rglob("*.png"), None) if _labels(folder).is_dir() else None
        if not there or (pngs is None and len(there) == 2):
            return ""  # labels in text are another layout's
        missing = [f"{name}/" for name in ("images", "labels") if name not in there]
        if classes_file(folder) is None:
            missing.append(f"{' or '.join(FILES)} (a class per line, the first is index 0)")
        return " and ".join(missing)

    def splits(self, folder: Path) -> tuple[str, ...]:
        """By lists, by subfolders, or `train` alone."""
        lists = tuple(split for split in SPLITS if (folder / f"{split}.txt").is_file())
        return lists or tuple(split for split in SPLITS if (folder / "images" / split).is_dir()) or ("train",)

    def open(self, folder: Path, split: str) -> Dataset:
        known = self.splits(folder)
        if split not in known:
            raise StreamdeqError(
                f"{unknown('split', split, list(known))}; make others by lists ({split}.txt) or subfolders"
            )
        tree = read_tree(folder)
        coding = Coding.stored(tree.classes.values)
        clips = (*_films(tree, split, coding), *_videos(tree, split, coding), *_stills(tree, split, coding))
        if not clips:
            raise StreamdeqError(f"expected labelled pictures of split '{split}' in {folder}, found none; {SOURCE}")
        name, classes = folder.resolve().name, tree.classes
        licence = licence_of(folder)
        return Dataset(name, "segmentation", split, classes.names, classes.palette, clips, licence, notes=tree.notes)

    def unused(self, folder: Path) -> tuple[str, ...]:
        tree = read_tree(folder)
        filmed = tree.filmed
        used = {key for film in tree.films for key in film.labelled_frames} | (tree.labels.keys() - filmed)
        bare = [key for key in tree.images if key not in tree.labels and key not in filmed]
        of_videos = {path for key in tree.videos for path in tree.video_labels(key).values()}
        others = [key for key, path in tree.labels.items() if path not in of_videos]
        astray = [key for key in others if key not in used or key not in tree.split]
        told = (
            (bare, "pictures without label and in no clip"),
            (astray, "labels in no split or not wanted by their clip"),
        )
        return tuple(f"{len(keys)} {what} are not used, the first is {keys[0]}" for keys, what in told if keys)


def read_tree(folder: Path) -> Tree:
    """Everything but the pixels, checked.

    Raises:
        StreamdeqError: names the file, the line, and what is wrong with it.
    """
    path, root = classes_file(folder), folder / "images"
    classes, notes = _classes(path, folder)
    videos = {one.relative_to(root).with_suffix("").as_posix(): one for one in films(root.rglob("*"))}
    images = _by_key(root, PICTURES, needed=not videos)
    labels = _by_key(_labels(folder), frozenset({".png"}))
    for key, label in labels.items():
        if key not in images and not any(re.fullmatch(rf"{re.escape(one)}[/_]\d+", key) for one in videos):
            raise StreamdeqError(f"expected a picture images/{key}.* for the label {label}, found none; add or remove")
    split = _split(folder, images, labels) | {key: _split_of(key, folder) for key in videos}
    return Tree(classes, images, labels, split, _read_films(folder, images, labels), videos, notes)


def _labels(folder: Path) -> Path:
    return next((folder / name for name in ("labels", "masks") if (folder / name).is_dir()), folder / "labels")


def _split_of(key: str, folder: Path) -> str:
    """Of a film: the folder that it is in, else the list that names it, else `train`."""
    lists = [folder / f"{split}.txt" for split in SPLITS if (folder / f"{split}.txt").is_file()]
    named = [path.stem for path in lists if key in {line.strip() for line in read_text(path).splitlines()}]
    return next(iter((*named, *(split for split in SPLITS if key.startswith(f"{split}/")))), "" if lists else "train")


def _two_values(folder: Path) -> tuple[int, int] | None:
    """The values of label pictures, looked into in part, where they are 0 and 255 (or 0 and 1, of one bit) alone."""
    root = _labels(folder)
    paths = pictures(root.rglob("*.png")) if root.is_dir() else []
    found: set[int] = set()
    for place in np.linspace(0, len(paths) - 1, min(SAMPLE, len(paths))).round().astype(int):
        try:
            found |= set(np.unique(read_index_map(paths[place])).tolist())
        except StreamdeqError:
            return None  # what is wrong with it is told when it is opened
        if not (found <= {0, 255} or found <= {0, 1}):
            return None
    return (0, max(found)) if len(found) == 2 else None


def _classes(path: Path | None, folder: Path) -> tuple[Classes, tuple[str, ...]]:
    """The classes, and what to tell where label pictures of two values decide them."""
    listed = Classes((), (), ()) if path is None else read_classes(path)
    plain = len(listed.names) <= 2 and not listed.stated
    two = _two_values(folder) if plain else None
    if path is None and two is None:
        raise StreamdeqError(f"expected {' or '.join(FILES)} in {folder}, found neither; write one class per line")
    if two is None or (path is not None and two != (0, 255)):
        return listed, ()
    names = listed.names if len(listed.names) == 2 else ("background", *(listed.names or ("object",)))
    told = (
        f"the label pictures hold {two[0]} and {two[1]} alone: taken as two classes, {two[0]} is '{names[0]}' and "
        f"{two[1]} is '{names[1]}'; for something else give values in classes.json: "
        f'{{"name": …, "value": {two[1]}}}'
    )
    palette = listed.palette if len(listed.names) == 2 else distinct_colours(2)
    return Classes(names, palette, two), (told,)


def _by_key(root: Path, suffixes: frozenset[str], needed: bool = True) -> dict[str, Path]:
    """Pictures below `root` by their path without suffix, in the order of names."""
    found: dict[str, Path] = {}
    for path in pictures(root.rglob("*")):
        if path.suffix.lower() not in suffixes:
            raise StreamdeqError(f"expected {', '.join(sorted(suffixes))} files in {root}, got {path}; convert it")
        key = path.relative_to(root).with_suffix("").as_posix()
        if key in found:
            raise StreamdeqError(f"expected one picture per name, got {found[key]} and {path}; rename or remove one")
        found[key] = path
    if needed and not found:
        raise StreamdeqError(f"expected pictures in {root}, found none; {SOURCE}")
    return found


def _key(name: str, images: Mapping[str, Path]) -> str | None:
    """The key of a picture that is named with or without its suffix; None when there is no such picture."""
    if name in images:
        return name
    key = str(Path(name).with_suffix("").as_posix()) if Path(name).suffix.lower() in PICTURES else name
    return key if key in images else None


def _split(folder: Path, images: Mapping[str, Path], labels: Mapping[str, Path]) -> dict[str, str]:
    lists = [folder / f"{split}.txt" for split in SPLITS if (folder / f"{split}.txt").is_file()]
    if lists:
        return _listed(lists, images, labels)
    if any((folder / "images" / split).is_dir() for split in SPLITS):
        return {key: key.partition("/")[0] for key in images if key.partition("/")[0] in SPLITS}
    return dict.fromkeys(images, "train")


def _listed(lists: Sequence[Path], images: Mapping[str, Path], labels: Mapping[str, Path]) -> dict[str, str]:
    listed: dict[str, str] = {}
    for path in lists:
        for number, line in enumerate(read_text(path).splitlines(), start=1):
            name, where = line.strip(), f"line {number} of {path}"
            if not name:
                continue
            key = _key(name, images)
            if key is None or key not in labels:
                lacking = "picture in images/" if key is None else "label in labels/"
                raise StreamdeqError(f"expected a {lacking} for '{name}', {where}, found none; correct the list")
            if listed.setdefault(key, path.stem) != path.stem:
                raise StreamdeqError(f"expected '{key}' in one split, {where} has it and {listed[key]}.txt too")
    return listed


def _read_films(folder: Path, images: Mapping[str, Path], labels: Mapping[str, Path]) -> tuple[Film, ...]:
    path = folder / "clips.jsonl"
    if not path.is_file():
        return ()
    films = [_film(line, where, images, labels) for where, line in read_json_lines(path, Film)]
    for what, counted in (
        ("clip names", Counter(film.name for film in films)),
        ("labelled frames", Counter(key for film in films for key in film.labelled_frames)),
    ):
        double = next((name for name, count in counted.items() if count > 1), None)
        if double is not None:
            raise StreamdeqError(f"expected {what} once in {path}, got '{double}' {counted[double]} times")
    return tuple(films)


def _film(line: Film, where: str, images: Mapping[str, Path], labels: Mapping[str, Path]) -> Film:
    frames = []
    for name in line.frames:
        key = _key(name, images)
        if key is None:
            raise StreamdeqError(f"expected the frame '{name}', {where}, in images/, found none; correct the line")
        frames.append(key)
    labelled = [t for t, key in enumerate(frames) if key in labels] if line.labelled is None else line.labelled
    for t in labelled:
        if not 0 <= t < len(frames) or frames[t] not in labels:
            reason = f"labels/{frames[t]}.png is missing" if 0 <= t < len(frames) else f"it has {len(frames)} frames"
            raise StreamdeqError(f"expected labelled frames of the clip in {where}, got {t}, but {reason}")
    return Film(line.name, line.fps, frames, sorted(set(labelled)))


def _films(tree: Tree, split: str, coding: Coding) -> Iterator[Clip]:
    for film in tree.films:
        found = {tree.split.get(key) for key in film.labelled_frames}
        if len(found) > 1:
            named = " and ".join(sorted(name or "none" for name in found))
            raise StreamdeqError(f"expected clip '{film.name}' in one split, its labelled frames are in {named}")
        if found == {split}:
            frames = PictureFiles(tuple(tree.images[key] for key in film.frames))
            labels = {t: LabelFile(tree.labels[film.frames[t]], coding) for t in film.labelled or ()}
            yield Clip(film.name, film.fps, frames, LabelMaps(frames, labels))


def _videos(tree: Tree, split: str, coding: Coding) -> Iterator[Clip]:
    for key, path in tree.videos.items():
        labels = tree.video_labels(key)
        if labels and tree.split.get(key) == split:
            frames = frames_until(path, max(labels))
            files = {t: LabelFile(label, coding) for t, label in labels.items()}
            yield Clip(key, fps_of(path), frames, LabelMaps(frames, files))


def _stills(tree: Tree, split: str, coding: Coding) -> Iterator[Clip]:
    filmed = tree.filmed
    for key, path in tree.labels.items():
        if key in tree.images and key not in filmed and tree.split.get(key) == split:
            frames = PictureFiles((tree.images[key],))
            yield Clip(key, FPS, frames, LabelMaps(frames, {0: LabelFile(path, coding)}))
