"""A project of DeepLabCut: animals labelled in pictures out of films.

Files: `config.yaml`, and in every `labeled-data/VIDEO/` pictures and `CollectedData_SCORER.csv` (the scorer of the
config, else the only one there is). An animal's number is its place in the config. The points are `bodyparts` of the
config, or `multianimalbodyparts`; the unique body parts of a project with several animals (individual `single`) belong
to no animal and are left out.

A table's header is scorer, individuals (with several animals), bodyparts, coords. Its rows begin with the picture, in
one column or in three (labeled-data, VIDEO, picture): only its name counts, as projects get moved. x and y are pixels
counted from 0; a point without them is not labelled.

A picture `img0123.png` is frame 123. Pictures whose numbers follow one another are a clip; those without a row in the
table are frames that nobody labelled, so frames before a labelled one may be put beside it, and it is streamed from
them. All other pictures are clips of one frame.

The files name no split. Here a clip is of val when the CRC-32 of `VIDEO/FIRST-PICTURE` is in the lowest tenth, so that
clips stay where they are when others are labelled; if none is, the one with the lowest. All others are of train.
"""

import math
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from streamdeq.data.base import Clip
from streamdeq.data.documents import read_csv, read_yaml
from streamdeq.data.frames import PictureFiles, runs
from streamdeq.data.pictures import pictures, size_of, subfolders
from streamdeq.data.poses import Pairs, PoseDataset, labelled_poses, own_poses, poses_of, sides_of
from streamdeq.data.problems import Problems
from streamdeq.data.reader import READERS, Reader
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown
from streamdeq.values.keypoints import Keypoints

SOURCE = "label pictures in DeepLabCut, which writes labeled-data/VIDEO/CollectedData_SCORER.csv beside them"
#: Of the films; the files state none.
FPS = 25.0
#: Of the clips that are of val, about.
VAL_SHARE = 0.1
#: The individual of a table whose points belong to no animal, and the value of `bodyparts` in a project with several.
UNIQUE, SEVERAL = "single", "MULTI!"
ONE = "animal"
"""Of a project with one animal, its name."""

#: By individual, then by point.
Row = dict[str, dict[str, tuple[float, float]]]


@READERS.register("deeplabcut")
class DeepLabCut(Reader):
    title = "DeepLabCut project"
    expected = "config.yaml and labeled-data/VIDEO/CollectedData_SCORER.csv of a DeepLabCut project"
    source = SOURCE

    def recognises(self, folder: Path) -> bool:
        return (folder / "config.yaml").is_file() and (folder / "labeled-data").is_dir()

    def splits(self, folder: Path) -> tuple[str, ...]:
        found = _split_of(_runs(folder, read_project(folder / "config.yaml")))
        return tuple(split for split in ("train", "val") if split in found)

    def open(self, folder: Path, split: str) -> PoseDataset:
        project = read_project(folder / "config.yaml")
        runs = _runs(folder, project)
        found = _split_of(runs)
        if split not in found:
            raise StreamdeqError(unknown("split", split, [known for known in ("train", "val") if known in found]))
        clips = tuple(_clip(run, project) for run, of in zip(runs, found, strict=True) if of == split)
        return own_poses(folder, split, project.points, project.skeleton, sides_of(project.points), clips)

    def unused(self, folder: Path) -> tuple[str, ...]:
        project = read_project(folder / "config.yaml")
        bare = [place.name for place in subfolders(folder / "labeled-data") if _table(place, project) is None]
        if not bare:
            return ()
        return (f"{len(bare)} folders without CollectedData_*.csv are not used, the first is {bare[0]}",)


@dataclass(frozen=True)
class Project:
    """What config.yaml says."""

    points: tuple[str, ...]
    individuals: tuple[str, ...]
    skeleton: Pairs
    scorer: str


def read_project(path: Path) -> Project:
    """Raises StreamdeqError for a config without different body parts."""
    config = read_yaml(path)
    several = config.get("bodyparts") == SEVERAL or str(config.get("multianimalproject")).lower() == "true"
    points = _names(config, "multianimalbodyparts" if several else "bodyparts", path)
    individuals = _names(config, "individuals", path) if several else (ONE,)
    return Project(points, individuals, _skeleton(config.get("skeleton"), points), str(config.get("scorer", "")))


def _names(config: dict[str, Any], key: str, path: Path) -> tuple[str, ...]:
    given = config.get(key) or []
    good = isinstance(given, list) and all(isinstance(name, str) and name for name in given)
    if not good or not given or len(set(given)) < len(given):
        got = ", ".join(map(str, given)) if isinstance(given, list) else repr(given)
        raise StreamdeqError(f"expected different names as {key} in {path}, got {got or 'none'}; correct it")
    return tuple(given)


def _skeleton(chains: Any, points: tuple[str, ...]) -> Pairs:
    """Chains of points to pairs.

    Those of other points are left out: a new project's config has some, and unique body parts may be linked.
    """
    listed = [chain for chain in chains if isinstance(chain, list)] if isinstance(chains, list) else []
    links = [link for chain in listed for link in pairwise(chain)]
    return tuple((points.index(a), points.index(b)) for a, b in links if a in points and b in points)


def read_table(path: Path, project: Project) -> dict[str, Row]:
    """What is labelled in each picture, by its name.

    Raises:
        StreamdeqError: with file, line and reason for what is broken.
    """
    lines = list(read_csv(path))
    header, index = _header([line for _, line in lines], path)
    columns = _columns(header, index, project, path)
    found: dict[str, Row] = {}
    width = len(header["coords"])
    problems = Problems()
    for number, line in lines[len(header) :]:
        where = f"{path}, line {number}"
        with problems.collect():
            if len(line) != width:
                raise StreamdeqError(f"expected {width} fields in {where}, got {len(line)}; correct it")
            picture = re.split(r"[/\\]", line[index - 1])[-1]
            if not picture or picture in found:
                got = f"'{picture}' {'twice' if picture else 'none'}"
                raise StreamdeqError(f"expected the name of another picture in {where}, got {got}; correct it")
            found[picture] = _row(line, columns, where)
    problems.tell()
    return found


def _header(lines: list[list[str]], path: Path) -> tuple[dict[str, list[str]], int]:
    """The rows of the header by their names, and how many columns name the picture."""
    header: dict[str, list[str]] = {}
    for line in lines[:4]:
        if line[0] in ("scorer", "individuals", "bodyparts", "coords"):
            header[line[0]] = line
    names = list(header)
    if names not in (["scorer", "bodyparts", "coords"], ["scorer", "individuals", "bodyparts", "coords"]):
        raise StreamdeqError(
            f"expected a header of scorer, (individuals,) bodyparts, coords in {path}, got {', '.join(names) or 'none'}"
        )
    index = next((k for k, cell in enumerate(header["coords"]) if k and cell), 0)
    if index not in (1, 3) or len({len(line) for line in header.values()}) > 1:
        raise StreamdeqError(
            f"expected header rows of equal length in {path}, with 1 or 3 columns before the points; correct them"
        )
    return header, index


def _columns(
    header: dict[str, list[str]], index: int, project: Project, path: Path
) -> dict[tuple[str, str], dict[str, int]]:
    """The columns x and y of each point of each animal."""
    width = len(header["coords"])
    individuals = header.get("individuals", [ONE] * width)
    found: dict[tuple[str, str], dict[str, int]] = {}
    for column in range(index, width):
        who, point, coordinate = individuals[column], header["bodyparts"][column], header["coords"][column]
        if who == UNIQUE or coordinate == "likelihood":
            continue
        if who not in project.individuals:
            raise StreamdeqError(
                f"{path}, column {column + 1}: {unknown('individual', who, list(project.individuals))}"
            )
        if point not in project.points:
            raise StreamdeqError(f"{path}, column {column + 1}: {unknown('body part', point, list(project.points))}")
        places = found.setdefault((who, point), {})
        if coordinate not in ("x", "y") or coordinate in places:
            raise StreamdeqError(f"expected one x and one y of {point} in {path}, got '{coordinate}' at {column + 1}")
        places[coordinate] = column
    for (_, point), places in found.items():
        if len(places) < 2:
            raise StreamdeqError(f"expected one x and one y of {point} in {path}, got only {next(iter(places))}")
    return found


def _row(line: list[str], columns: dict[tuple[str, str], dict[str, int]], where: str) -> Row:
    row: Row = {}
    for (who, point), places in columns.items():
        cells = [line[places[coordinate]].strip() for coordinate in "xy"]
        try:
            x, y = (float(cell) if cell else math.nan for cell in cells)
        except ValueError as error:
            raise StreamdeqError(f"expected numbers as {point} in {where}, got: {error}; correct it") from error
        if math.isnan(x) and math.isnan(y):
            continue
        if not (math.isfinite(x) and math.isfinite(y)):
            raise StreamdeqError(f"expected both x and y of {point}, or neither, in {where}, got {cells}; correct it")
        row.setdefault(who, {})[point] = (x, y)
    return row


# -- clips -------------------------------------------------------------------------------------------------


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
    numbers = {path: re.fullmatch(r"\D*(\d+)", path.stem) for path in paths}
    numbered = {path: int(found[1]) for path, found in numbers.items() if found}
    ordered = sorted(numbered, key=lambda path: (numbered[path], path))
    films = runs(ordered, lambda run, path: numbered[path] == numbered[run[-1]] + 1)
    return [*((path,) for path, found in numbers.items() if not found), *map(tuple, films)]


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
