"""The files of a DeepLabCut project: what `config.yaml` says and what a table of labels holds. Knows no pictures.

A table's header is scorer, individuals (with several animals), bodyparts, coords. Its rows begin with the picture, in
one column or in three (labeled-data, VIDEO, picture): only its name counts, as projects get moved. x and y are pixels
counted from 0; a point without them is not labelled.

The points are `bodyparts` of the config, or `multianimalbodyparts`; the unique body parts of a project with several
animals (individual `single`) belong to no animal and are left out.
"""

import csv
import math
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from streamdeq.data.classes import read_text
from streamdeq.data.poses import Pairs
from streamdeq.data.yamlfile import read_yaml
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

#: The individual of a table whose points belong to no animal, and the value of `bodyparts` in a project with several.
UNIQUE, SEVERAL = "single", "MULTI!"
ONE = "animal"
"""Of a project with one animal, its name."""

#: By individual, then by point.
Row = dict[str, dict[str, tuple[float, float]]]


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
    lines = list(csv.reader(read_text(path).splitlines()))
    header, index = _header(lines, path)
    columns = _columns(header, index, project, path)
    found: dict[str, Row] = {}
    for number, line in enumerate(lines[len(header) :], start=len(header) + 1):
        if not line:
            continue
        where = f"{path}, line {number}"
        if len(line) != len(lines[0]):
            raise StreamdeqError(f"expected {len(lines[0])} fields in {where}, got {len(line)}; correct it")
        picture = re.split(r"[/\\]", line[index - 1])[-1]
        if not picture or picture in found:
            what = "twice" if picture else "none"
            raise StreamdeqError(f"expected the name of another picture in {where}, got '{picture}' {what}; correct it")
        found[picture] = _row(line, columns, where)
    return found


def _header(lines: list[list[str]], path: Path) -> tuple[dict[str, list[str]], int]:
    """The rows of the header by their names, and how many columns name the picture."""
    header: dict[str, list[str]] = {}
    for line in lines[:4]:
        if line and line[0] in ("scorer", "individuals", "bodyparts", "coords"):
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
