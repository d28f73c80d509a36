"""How a film is divided: at a shot change near every so many minutes, or else at a key frame, with frames before it
that only warm the latent."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from streamdeq.codec import from_plain, to_plain
from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path, shown
from streamdeq.reading import loads, read_text
from streamdeq.streaming.cut import Evidence, PictureCut
from streamdeq.values.frame import Frame
from streamdeq.values.status import Start
from streamdeq.video.parts import FilmIndex, Part, film_index, film_part

#: Key frames near a boundary that are looked at for a shot change.
CANDIDATES = 12


@dataclass(frozen=True)
class FilmPlan:
    """A film and its parts; None: all of it at once.

    Attributes:
        size, modified_ns: of the file: another film of its name is planned anew.
    """

    path: Path
    size: int
    modified_ns: int
    parts: tuple[Part, ...] | None = None

    @property
    def count(self) -> int:
        return 1 if self.parts is None else len(self.parts)


def key_of(path: Path) -> str:
    """A file name for what belongs to a film: its own, and what tells it from others of that name."""
    stem = re.sub(r"[^\w.-]+", "_", shown(path.stem))[:80]
    return f"{stem}-{hashlib.sha256(str(path.absolute()).encode(errors='surrogateescape')).hexdigest()[:12]}"


def plan_film(path: Path, every_s: float | None, overlap: int, max_pixels: int) -> FilmPlan:
    """Raises StreamdeqError where the film cannot be read.

    Args:
        every_s: divide what is longer than one and a half of it; None: nothing.
        overlap: frames before a part that warm the latent.
    """
    about = path.stat()
    whole = FilmPlan(path, about.st_size, about.st_mtime_ns)
    index = None if every_s is None else film_index(path, max_pixels)
    if every_s is None or index is None:
        return whole
    finder = (lambda stamp: is_cut(path, index, stamp, max_pixels)) if find_spec("scenedetect") else None
    parts = divided(index, every_s, overlap, finder)
    return whole if len(parts) == 1 else FilmPlan(path, about.st_size, about.st_mtime_ns, tuple(parts))


def divided(index: FilmIndex, every_s: float, overlap: int, is_cut: Callable[[int], bool] | None = None) -> list[Part]:
    """The parts of a film, in order: every frame is in one.

    Args:
        is_cut: whether a key frame, by its stamp, is the first of a shot: it needs no frames before it.
    """
    every = every_s / index.seconds
    last, target = index.stamps[-1], index.stamps[0] + every
    begins = [(index.stamps[0], True)]
    while target < last - every / 2:
        near = [key for key in index.keys if abs(key - target) <= every / 4 and key > begins[-1][0]]
        near.sort(key=lambda key: abs(key - target))
        if near:
            cut = None if is_cut is None else next((key for key in near[:CANDIDATES] if is_cut(key)), None)
            begins.append((near[0], False) if cut is None else (cut, True))
        target += every
    ends = [begin for begin, _ in begins[1:]] + [None]
    return [_part(index, begin, end, 0 if fresh else overlap) for (begin, fresh), end in zip(begins, ends, strict=True)]


def _part(index: FilmIndex, begin: int, end: int | None, overlap: int) -> Part:
    first = index.stamps.index(begin)
    warm = index.stamps[max(0, first - overlap)]
    seek = max(key for key in index.keys if key <= warm)
    return Part(seek, warm, begin, end, first)


def is_cut(path: Path, index: FilmIndex, stamp: int, max_pixels: int) -> bool:
    """Whether the frame of that stamp shows another shot than the one before it."""
    number = index.stamps.index(stamp)
    before, after = index.stamps[number - 1], index.stamps[number + 1] if number + 1 < len(index.stamps) else None
    seek = max(key for key in index.keys if key <= before)
    detector = PictureCut()
    value, cut = detector.init(), False
    with film_part(path, Part(seek, before, before, after, number - 1), max_pixels) as source:
        for item in source:
            if isinstance(item, Frame):
                value, cut = detector.update(value, Evidence(item.image, Start.WARM, lambda: 0.0))
    return cut


def write_plan(plan: FilmPlan, folder: Path) -> None:
    with atomic_path(folder / f"{key_of(plan.path)}.json") as part:
        part.write_text(json.dumps(to_plain(plan), separators=(",", ":"), default=str), encoding="utf-8")


def read_plan(path: Path, folder: Path) -> FilmPlan | None:
    """The plan of that film as it is now; None where there is none, or it was another film's."""
    file = folder / f"{key_of(path)}.json"
    if not file.exists():
        return None
    try:
        plan = from_plain(FilmPlan, loads(read_text(file)))
    except ValueError as error:
        raise StreamdeqError(f"{file} is no plan of an archive; delete it") from error
    about = path.stat()
    return plan if (plan.size, plan.modified_ns) == (about.st_size, about.st_mtime_ns) else None
