"""Films in data sets: which files are films, how large and fast they are, and the label files of their frames."""

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from streamdeq.data.frames import FilmFrames
from streamdeq.errors import StreamdeqError
from streamdeq.reading import check_regular
from streamdeq.video import SourceInfo, open_source

FILMS = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"})
#: Of a film that does not say it.
FPS = 25.0


def films(paths: Iterable[Path]) -> list[Path]:
    """Those of `paths` that are named as films, by name."""
    return sorted(path for path in paths if path.suffix.lower() in FILMS and not path.name.startswith("."))


@lru_cache(maxsize=1024)
def about(path: Path) -> SourceInfo:
    """What a film's file says of itself."""
    check_regular(path)
    with open_source(path) as source:
        return source.info


def size_hw(path: Path) -> tuple[int, int]:
    """(height, width) of a film's frames.

    Raises:
        StreamdeqError: it does not say.
    """
    size = about(path).size_hw
    if size is None:
        raise StreamdeqError(f"expected a film that says its size in {path}, got none; write it anew")
    return size


def fps_of(path: Path) -> float:
    """Frames per second, `FPS` where the film does not say."""
    return about(path).fps or FPS


def frames_until(path: Path, last: int) -> FilmFrames:
    """A film's frames up to that of number `last`, counted from 0."""
    return FilmFrames(path, last + 1)


def numbered(folder: Path, stem: str, suffix: str) -> dict[int, Path]:
    """The files `STEM_NUMBER.suffix` or `STEM/NUMBER.suffix` in `folder`, by number.

    Raises:
        StreamdeqError: two have the same number.
    """
    found: dict[int, Path] = {}
    inside = folder / stem
    listed = [*folder.glob(f"*{suffix}"), *(inside.glob(f"*{suffix}") if inside.is_dir() else ())]
    for path in sorted(listed):
        name = path.stem if path.parent == inside else path.stem.removeprefix(f"{stem}_")
        if (path.parent == inside or name != path.stem) and re.fullmatch(r"\d{1,9}", name, re.ASCII):
            if int(name) in found:
                raise StreamdeqError(f"expected one file per frame, got {found[int(name)]} and {path}; remove one")
            found[int(name)] = path
    return found
