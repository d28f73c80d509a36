"""MPII Human Pose as HRNet and mmpose have it, and the films its pictures are from.

Files: `images/STEM.jpg`; per split the first that exists of `annot/train.json`, `annotations/mpii_train.json` (val:
`annot/valid.json`, `annotations/mpii_val.json`; trainval: `…/trainval.json`, `…/mpii_trainval.json`): a list of people,
each with image, joints (16 points), joints_vis (1 or 0), center, scale. Points and centres count from 1, scale is the
height in units of 200 pixels.

The box of a person is the square of 200 · scale pixels around (x, y + 15 · scale); what a crop adds to it is 1.25. So
a crop is the published one: `center_y += 15 * scale`, `scale *= 1.25`.

`annot/gt_valid.mat`, or `mpii_gt_val.mat` there, in `annotations/` or in the folder itself, is what MPII's evaluation
scores val against: its points, which of them are missing, and the box of every head, which PCKh is relative to. Without
it val is scored by PCK on the points of the JSON. It is read with scipy (extra `pose`).

A sample of train is a person: each has a clip of its own there, of the picture alone or with its film; in val those of
a picture stand together.

Films: unpack `mpii_human_pose_v1_sequences_batch*.tar.gz` anywhere below `sequences/`, so that a folder
`sequences/…/STEM/` has the frames `00000001.jpg`, … around picture STEM, and put
`mpii_human_pose_v1_sequences_keyframes.mat`, which says which of them the picture is, into `sequences/`. The frames
before it, as far back as their numbers have no gap, come before the picture in its clip; the box of a labelled person
crops all of them. The frames after it are not used.
"""

import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta

from streamdeq.data.base import Clip, Place
from streamdeq.data.boxes import numbers
from streamdeq.data.documents import Json, Schema
from streamdeq.data.pictures import first_line, read_rgb, size_of
from streamdeq.data.poses import PoseDataset, labelled_poses
from streamdeq.data.reader import READERS, Reader, below
from streamdeq.errors import StreamdeqError
from streamdeq.reading import read_bytes
from streamdeq.values.keypoints import Keypoints, boxes_around, head_length
from streamdeq.values.palette import distinct_colours

JOINTS = (
    "right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle", "pelvis", "thorax", "upper neck",
    "head top", "right wrist", "right elbow", "right shoulder", "left shoulder", "left elbow", "left wrist",
)  # fmt: skip
SKELETON = (
    (0, 1), (1, 2), (2, 6), (3, 6), (3, 4), (4, 5), (6, 7), (7, 8), (8, 9), (10, 11), (11, 12), (12, 7), (13, 7),
    (13, 14), (14, 15),
)  # fmt: skip
MIRRORED = ((0, 5), (1, 4), (2, 3), (10, 15), (11, 14), (12, 13))
SOURCE = (
    "http://human-pose.mpi-inf.mpg.de: the pictures (and the sequences' batches with their keyframes.mat); the JSON "
    "files and gt_valid.mat come with HRNet's and mmpose's instructions"
)
LICENCE = "MPII's annotations: Simplified BSD, for research; the pictures are frames of other people's videos"
FILES = {
    "train": ("annot/train.json", "annotations/mpii_train.json"),
    "val": ("annot/valid.json", "annotations/mpii_val.json"),
    "trainval": ("annot/trainval.json", "annotations/mpii_trainval.json"),
}
TRUTHS = ("annot/gt_valid.mat", "annot/mpii_gt_val.mat", "annotations/mpii_gt_val.mat", "mpii_gt_val.mat")
KEYFRAMES = "sequences/mpii_human_pose_v1_sequences_keyframes.mat"
#: Of the films; the files state none.
FPS = 25.0
#: Bytes of a file in MATLAB's format, and of what is packed in it: several times those of the published ones.
MOST_MATLAB, MOST_UNPACKED = 64_000_000, 256_000_000
MATLAB_COMPRESSED = 15
#: A person is this many pixels high at scale 1.
UNIT_PX = 200.0


@dataclass(frozen=True)
class Person:
    """An entry of the JSON file: xy (16, 2), visible (16,), centre (x, y), in pixels counted from 0.

    The scale, in units of 200 pixels, is None where the file has no box. `head_px` is the length of the head.
    """

    image: str
    xy: np.ndarray
    visible: np.ndarray
    center: tuple[float, float]
    scale: float | None
    head_px: float = np.nan

    def box_xyxy(self, size_hw: tuple[int, int]) -> np.ndarray:
        """(4,): what a crop is made around; around the points where no scale is known."""
        if self.scale is None:
            return boxes_around(self.xy[None], self.visible[None], size_hw)[0]
        x, y = self.center[0], self.center[1] + 15 * self.scale
        half = UNIT_PX * self.scale / 2
        return np.array([x - half, y - half, x + half, y + half], np.float32)


@READERS.register("mpii")
class Mpii(Reader):
    title = "MPII"
    expected = "annot/train.json and annot/valid.json of MPII as HRNet has them, and images/"
    source = SOURCE
    complete = MappingProxyType({"train": 22_246})

    def splits(self, folder: Path) -> tuple[str, ...]:
        return tuple(split for split in FILES if _first(folder, FILES[split]))

    def open(self, folder: Path, split: str) -> PoseDataset:
        self.check_split(folder, split)
        path = _first(folder, FILES[split]) or folder
        people = read_people(path)
        truth = _first(folder, TRUTHS) if split == "val" else None
        if truth is not None:
            people = _scored(people, truth, path)
        for image in {one.image for one in people}:
            below(folder, f"images/{image}", str(path), self.allow_outside)
        clips = tuple(_clips(folder, people, apart=split != "val"))
        colours = distinct_colours(len(JOINTS))
        return PoseDataset("mpii", "pose", split, JOINTS, colours, clips, LICENCE, SKELETON, MIRRORED)

    def unused(self, folder: Path) -> tuple[str, ...]:
        if not _first(folder, FILES["val"]) or _first(folder, TRUTHS):
            return ()
        return (f"no {TRUTHS[0]}: val is scored by PCK instead of PCKh",)


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


# -- people ------------------------------------------------------------------------------------------------


class _Entry(Schema):
    image: Annotated[str, Meta(min_length=1, description="the name of a picture as image")]
    joints: Annotated[
        list[tuple[float, float]],
        Meta(min_length=len(JOINTS), max_length=len(JOINTS), description=f"{len(JOINTS)} pairs x, y as joints"),
    ]
    joints_vis: Annotated[
        list[Annotated[float, Meta(ge=0, le=1, multiple_of=1)]],
        Meta(min_length=len(JOINTS), max_length=len(JOINTS), description=f"{len(JOINTS)} times 0 or 1 as joints_vis"),
    ]
    center: Any = None
    scale: Any = None


_Entries = Annotated[list[_Entry], Meta(min_length=1, description="a list of people")]


def read_people(path: Path) -> list[Person]:
    """Raises StreamdeqError with file, entry and reason for what is broken."""
    entries: list[_Entry] = Json(path).read(_Entries)
    return [_person(entry, f"{path}, entry {k}") for k, entry in enumerate(entries, start=1)]


def _person(entry: _Entry, where: str) -> Person:
    if not np.isfinite(entry.joints).all():
        raise StreamdeqError(f"expected {len(JOINTS)} pairs x, y as joints in {where}, got {str(entry.joints)[:60]}")
    center, scale = numbers(entry.center, 2), numbers([entry.scale], 1)
    if center is None or scale is None or not np.isfinite([*center, *scale]).all():
        given = f"{entry.center} and {entry.scale}"
        raise StreamdeqError(f"expected x, y as center and a number as scale in {where}, got {given}; correct it")
    known = scale[0] if center[0] != -1 and scale[0] > 0 else None  # as HRNet marks a person without a box
    visible = np.array(entry.joints_vis) == 1
    xy = np.where(visible[:, None], np.array(entry.joints) - 1, 0).astype(np.float32)
    return Person(entry.image, xy, visible, (center[0] - 1, center[1] - 1), known)


def _scored(people: list[Person], truth: Path, path: Path) -> list[Person]:
    """The same people with the points and heads of MPII's evaluation, whose order is that of the JSON."""
    read, shapes = _matlab(truth), {"pos_gt_src": (16, 2), "jnt_missing": (16,), "headboxes_src": (2, 2)}
    for name, shape in shapes.items():
        got = np.shape(read[name]) if name in read else ()
        if got != (*shape, len(people)):
            raise StreamdeqError(
                f"expected {name} of {(*shape, len(people))} in {truth}, as {path} has {len(people)} people, "
                f"got {got or 'none'}; are they of the same split?"
            )
    visible = np.asarray(read["jnt_missing"], float).T == 0
    xy = np.where(visible[:, :, None], np.asarray(read["pos_gt_src"], float).transpose(2, 0, 1) - 1, 0)
    corners = np.asarray(read["headboxes_src"], float)
    heads = [head_length(corners[:, :, n].ravel()) for n in range(len(people))]
    if not np.isfinite(xy).all() or not np.isfinite(heads).all():
        raise StreamdeqError(f"expected points and heads in finite numbers in {truth}; fetch it again")
    both = zip(people, xy.astype(np.float32), visible, heads, strict=True)
    return [replace(one, xy=at, visible=shown, head_px=head) for one, at, shown, head in both]


def _matlab(path: Path) -> Mapping[str, Any]:
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise StreamdeqError(
            f"{path} is read with scipy, which is not installed: pip install 'streamdeq[pose]'"
        ) from error
    content = read_bytes(path, MOST_MATLAB)
    try:
        check_unpacked(content, MOST_UNPACKED)
        return loadmat(BytesIO(content))
    except Exception as error:  # whatever a broken file makes of the reader
        raise StreamdeqError(f"expected MATLAB's format in {path}, got: {first_line(error)}; fetch it again") from error


def check_unpacked(content: bytes, most: int) -> None:
    """Raise ValueError where the compressed elements of a MATLAB 5 file hold more than `most` bytes together.

    After 128 bytes, which end in the byte order, an element is its type (15: compressed), its length, its bytes:
    MAT-File Format, "Level 5 MAT-File Format", MathWorks.
    """
    order: Literal["little", "big"] = "little" if content[126:128] == b"IM" else "big"
    place, left = 128, most
    while place + 8 <= len(content):
        kind, length = (int.from_bytes(content[at : at + 4], order) for at in (place, place + 4))
        place += 8
        if kind == MATLAB_COMPRESSED:
            packed, unpacker = content[place : place + length], zlib.decompressobj()
            while packed and not unpacker.eof:
                left -= len(unpacker.decompress(packed, 1 << 20))
                packed = unpacker.unconsumed_tail
                if left < 0:
                    raise ValueError(f"more than {most:,} bytes when unpacked")
        place += length


# -- clips -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sequence:
    """The frames before a picture, by their names in a folder, and the picture: the last frame, the labelled one."""

    picture: Path
    folder: Path
    before: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.before) + 1

    def read(self, t: int) -> np.ndarray:
        path, _ = self.place(t)
        if path == self.picture:
            return read_rgb(path)
        image, (height, width) = read_rgb(path), size_of(self.picture)
        if image.shape[:2] != (height, width):
            raise StreamdeqError(
                f"expected {path} to be as large as {self.picture}, {width}x{height}, which is labelled, got "
                f"{image.shape[1]}x{image.shape[0]}; is it another film?"
            )
        return image

    def place(self, t: int) -> Place:
        return self.folder / self.before[t] if t < len(self.before) else self.picture, None


def _clips(folder: Path, people: list[Person], *, apart: bool) -> Iterator[Clip]:
    """One for every picture, or for every person `apart`, by the order of the file."""
    shown: dict[str, list[Person]] = {}
    for person in people:
        shown.setdefault(person.image, []).append(person)
    films = _films(folder)
    keys = _keys(folder / KEYFRAMES) if films else {}
    for image, together in shown.items():
        path, stem = folder / "images" / image, Path(image).stem
        frames = Sequence(path, path.parent)
        if stem in films and stem in keys:
            frames = Sequence(path, films[stem], _before(films[stem], keys[stem]))
        last, poses = len(frames) - 1, _poses(together, path)
        parts = {f"{image}-{n}": poses[[n]] for n in range(len(poses))} if apart else {image: poses}
        for name, part in parts.items():
            yield Clip(name, FPS, frames, labelled_poses({last: part}))


def _poses(people: list[Person], path: Path) -> Keypoints:
    boxless = any(one.scale is None for one in people)
    size_hw = size_of(path) if boxless else (0, 0)  # else nobody asks for it, and there are many pictures
    return Keypoints(
        np.stack([one.xy for one in people]),
        np.stack([one.visible for one in people]),
        np.stack([one.box_xyxy(size_hw) for one in people]),
        np.arange(len(people)),
        np.array([one.head_px for one in people], np.float32),
    )


def _films(folder: Path) -> dict[str, Path]:
    """The folder of every picture's frames, by the picture's stem."""
    return {Path(place).name: Path(place) for place, _, names in os.walk(folder / "sequences") if _numbered(names)}


def _numbered(names: list[str]) -> dict[int, str]:
    return {int(name[:-4]): name for name in names if name.lower().endswith(".jpg") and name[:-4].isdecimal()}


def _keys(path: Path) -> dict[str, int]:
    """Which frame of its film each picture is, by the picture's stem."""
    if not path.is_file():
        raise StreamdeqError(f"expected {path}, which says which frame of a film is labelled, found none; {SOURCE}")
    listed = np.ravel(_matlab(path).get("annolist_keyframes", ()))
    try:
        named = [np.ravel(np.ravel(entry["image"])[0]["name"]) for entry in listed]
        frames = [Path(str(name[0])) for name in named if name.size]
        return {frame.parent.name: int(frame.stem) for frame in frames}
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise StreamdeqError(f"expected names STEM/FRAME.jpg of key frames in {path}, got: {error}") from error


def _before(place: Path, key: int) -> tuple[str, ...]:
    """The frames before number `key` in a folder, back to the first gap."""
    there, first = _numbered(os.listdir(place)), key
    while first - 1 in there:
        first -= 1
    return tuple(there[number] for number in range(first, key))
