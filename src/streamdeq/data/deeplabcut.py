"""A project of DeepLabCut: animals labelled in pictures out of films. Knows no training.

Files: `config.yaml`, and in every `labeled-data/VIDEO/` pictures and `CollectedData_SCORER.csv` (the scorer of the
config, else the only one there is); `dlcfiles` says what they hold. An animal's number is its place in the config.

A picture `img0123.png` is frame 123. Pictures whose numbers follow one another are a clip; those without a row in the
table are frames that nobody labelled, so frames before a labelled one may be put beside it, and it is streamed from
them. All other pictures are clips of one frame.

The files name no split. Here a clip is of val when the CRC-32 of `VIDEO/FIRST-PICTURE` is in the lowest tenth, so that
clips stay where they are when others are labelled; if none is, the one with the lowest. All others are of train.
"""

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from streamdeq.data.base import Clip
from streamdeq.data.dlcfiles import Project, Row, read_project, read_table
from streamdeq.data.frames import PictureFiles
from streamdeq.data.layout import Layout
from streamdeq.data.licence import licence_of
from streamdeq.data.pictures import pictures, size_of, subfolders
from streamdeq.data.poses import PoseDataset, labelled_poses, poses_of, sides_of
from streamdeq.errors import StreamdeqError
from streamdeq.models.palette import distinct_colours
from streamdeq.registry import unknown
from streamdeq.values.keypoints import Keypoints

EXPECTED = "config.yaml and labeled-data/VIDEO/CollectedData_SCORER.csv of a DeepLabCut project"
SOURCE = "label pictures in DeepLabCut, which writes labeled-data/VIDEO/CollectedData_SCORER.csv beside them"
#: Of the films; the files state none.
FPS = 25.0
#: Of the clips that are of val, about.
VAL_SHARE = 0.1


def is_deeplabcut(folder: Path) -> bool:
    return (folder / "config.yaml").is_file() and (folder / "labeled-data").is_dir()


def splits(folder: Path) -> tuple[str, ...]:
    found = _split_of(_runs(folder, read_project(folder / "config.yaml")))
    return tuple(split for split in ("train", "val") if split in found)


def open_deeplabcut(folder: Path, split: str) -> PoseDataset:
    """One of the splits. Reads the tables and the sizes of labelled pictures; pixels frame by frame.

    Raises:
        StreamdeqError: with file, line and reason for what is broken.
    """
    project = read_project(folder / "config.yaml")
    runs = _runs(folder, project)
    found = _split_of(runs)
    if split not in found:
        raise StreamdeqError(unknown("split", split, [known for known in ("train", "val") if known in found]))
    clips = tuple(_clip(run, project) for run, of in zip(runs, found, strict=True) if of == split)
    colours, mirrored = distinct_colours(len(project.points)), sides_of(project.points)
    name = folder.resolve().name
    return PoseDataset(
        name, "pose", split, project.points, colours, clips, licence_of(folder), project.skeleton, mirrored
    )


@dataclass(frozen=True)
class _Run:
    """Pictures of a film whose numbers follow one another, and what is labelled in them, by their names."""

    paths: tuple[Path, ...]
    rows: dict[str, Row]

    @property
    def name(self) -> str:
        return f"{self.paths[0].parent.name}/{self.paths[0].name}"


def _runs(folder: Path, project: Project) -> list[_Run]:
    """All of the project that show something labelled, by film and number."""
    found = []
    for place in subfolders(folder / "labeled-data"):
        table = _table(place, project)
        if table is None:
            continue
        rows = read_table(table, project)
        there = {path.name: path for path in pictures(place.iterdir())}
        lost = next((name for name in rows if name not in there), None)
        if lost is not None:
            raise StreamdeqError(f"expected the picture {place / lost} of {table}, found none; put it back")
        for paths in _consecutive(there.values()):
            some = {path.name: rows[path.name] for path in paths if path.name in rows}
            if some:
                found.append(_Run(paths, some))
    if not found:
        raise StreamdeqError(f"expected labelled pictures in {folder / 'labeled-data'}, found none; {SOURCE}")
    return found


def _table(place: Path, project: Project) -> Path | None:
    """The scorer's, else the only one."""
    tables = sorted(place.glob("CollectedData_*.csv"))
    own = place / f"CollectedData_{project.scorer}.csv"
    if own not in tables and len(tables) > 1:
        names = [table.stem.removeprefix("CollectedData_") for table in tables]
        raise StreamdeqError(f"expected one table, or that of the config's scorer, in {place}, got {', '.join(names)}")
    return own if own in tables else next(iter(tables), None)


def _consecutive(paths: Iterable[Path]) -> list[tuple[Path, ...]]:
    """Runs of pictures by number; a picture whose name has none, or not that alone, is a run of its own."""
    runs: list[list[Path]] = []
    numbered: dict[Path, int] = {}
    for path in paths:
        if found := re.fullmatch(r"\D*(\d+)", path.stem):
            numbered[path] = int(found[1])
        else:
            runs.append([path])
    last = None
    for path in sorted(numbered, key=lambda path: (numbered[path], path)):
        if last is None or numbered[path] != last + 1:
            runs.append([])
        runs[-1].append(path)
        last = numbered[path]
    return [tuple(run) for run in runs]


def _split_of(runs: list[_Run]) -> list[str]:
    """The split of each; neither split is empty where there are two clips."""
    places = [zlib.crc32(run.name.encode()) / 2**32 for run in runs]
    bound = max(VAL_SHARE, min(places))
    return ["val" if place <= bound and place < max(places) else "train" for place in places]


def _clip(run: _Run, project: Project) -> Clip:
    poses = {t: _poses(run.rows[path.name], project, path) for t, path in enumerate(run.paths) if path.name in run.rows}
    return Clip(run.name, FPS, PictureFiles(run.paths), labelled_poses(poses))


def _poses(row: Row, project: Project, path: Path) -> Keypoints:
    """The animals of a picture of which anything is labelled."""
    shown = {number: row[name] for number, name in enumerate(project.individuals) if name in row}
    return poses_of(shown, project.points, size_of(path))


def _unused(folder: Path) -> tuple[str, ...]:
    project = read_project(folder / "config.yaml")
    bare = [place.name for place in subfolders(folder / "labeled-data") if _table(place, project) is None]
    if not bare:
        return ()
    return (f"{len(bare)} folders without CollectedData_*.csv are not used, the first is {bare[0]}",)


LAYOUT = Layout("DeepLabCut project", is_deeplabcut, open_deeplabcut, EXPECTED, splits, SOURCE, unused=_unused)
