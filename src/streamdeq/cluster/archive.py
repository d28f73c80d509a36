"""Thousands of films into Parquet: every frame of every film once, whoever dies meanwhile.

OUT/archive.json        with what it is made
OUT/plans/FILM.json     how a film is divided
OUT/results/FILM-0001-of-0003.parquet    the records of a part, whole
"""

import glob
import json
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from streamdeq import threads
from streamdeq.cluster.jobs import Counts, Worker, planned, result_path
from streamdeq.cluster.options import ArchiveOptions
from streamdeq.cluster.plan import FilmPlan, read_plan
from streamdeq.cluster.pool import Pool
from streamdeq.cluster.ray_pool import RayPool
from streamdeq.codec import differences, to_plain
from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path, ensure_folder, held, sweep
from streamdeq.reading import loads, read_text
from streamdeq.results.sinks.parquet import counts_of

#: A film, to be divided; or a part of one, by its number.
Job = Path | tuple[FilmPlan, int]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that the records of an archive depend on, besides the films."""

    model: str
    device: str = "auto"
    precision: str = "auto"
    options: ArchiveOptions = field(default_factory=ArchiveOptions)


@dataclass
class Report:
    """What became of the films.

    Attributes:
        problems: why a film has no records, or not all, by its name.
    """

    films: int = 0
    parts: int = 0
    counts: Counts = field(default_factory=Counts)
    problems: dict[str, str] = field(default_factory=dict)


def films_of(patterns: Sequence[str]) -> list[Path]:
    """The files that patterns name, with their whole paths, each once, in order of their names.

    Raises:
        StreamdeqError: a pattern names none.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        some = [Path(name).absolute() for name in glob.glob(os.path.expanduser(pattern), recursive=True)]
        files = sorted(path for path in some if path.is_file())
        if not files:
            raise StreamdeqError(f"no file is named by '{pattern}': check the path, and put patterns in quotes")
        found |= dict.fromkeys(files)
    return list(found)


@contextmanager
def archive_at(out: Path, settings: Settings) -> Iterator[None]:
    """Hold the folder, which is new or was begun with the same settings.

    Raises:
        StreamdeqError: it is another archive's, somebody else writes it, or it cannot be written to.
    """
    with held(out, "writes to", "another --out"):
        plain = {"schema": "streamdeq/archive@1", **to_plain(settings)}
        plain = json.loads(json.dumps(plain, default=str))
        file = out / "archive.json"
        if file.exists():
            try:
                before = loads(read_text(file))
            except ValueError as error:
                raise StreamdeqError(f"{file} is no archive's; choose another --out") from error
            if changed := differences(before, plain):
                key, old, new = changed[0]
                raise StreamdeqError(f"{out} was made with {key} {old}, not {new}; choose another --out")
        else:
            with atomic_path(file) as part:
                part.write_text(json.dumps(plain, indent=1), encoding="utf-8")
        for name in ("plans", "results"):
            sweep(ensure_folder(out / name))
        yield


class Archive:
    """One pass over films with the cores of this machine, or of a cluster.

    Args:
        processes: None: one per core.
        ray: the address of a cluster, each of whose machines has the films and `out` under the same paths; "local"
            for this machine.
    """

    def __init__(
        self,
        films: Sequence[Path],
        out: Path,
        settings: Settings,
        processes: int | None = None,
        ray: str | None = None,
    ) -> None:
        cores, out = os.cpu_count() or 1, out.expanduser().absolute()
        self._films, self._out, self._settings = films, out, settings
        self._pool: Pool[Job, Any] | RayPool[Job, Any]
        if ray is None:
            count = processes or cores
            self._pool = Pool(partial(begin, settings, out, max(1, cores // count)), count)
        else:
            self._pool = RayPool(partial(begin, settings, out, 1), ray, processes)
        self._before: list[Counts] = []
        self.report = Report(films=len(films))

    def stop(self) -> None:
        self._pool.stop()

    def run(self) -> Iterator[Counts]:
        """The counts of each part as it is done, those that were done before too.

        Raises:
            StreamdeqError: the model cannot be loaded, or the folder is another archive's.
        """
        with archive_at(self._out, self._settings):
            jobs: deque[Job] = deque(job for film in self._films for job in self._open(film))
            yield from self._before
            for job, answer in self._pool.run(jobs):
                film = job if isinstance(job, Path) else job[0].path
                if isinstance(answer, StreamdeqError):
                    self.report.problems[str(film)] = str(answer)
                elif isinstance(answer, FilmPlan):
                    # Films are finished one by one: what is divided goes first.
                    jobs.extendleft((answer, number) for number in reversed(range(answer.count)))
                else:
                    self._count(answer)
                    yield answer

    def _open(self, film: Path) -> Iterator[Job]:
        """What is left to do of a film."""
        plan = read_plan(film, self._out / "plans")
        if plan is None:
            yield film
            return
        for number in range(plan.count):
            if (path := result_path(plan, number, self._out)).exists():
                self._before.append(Counts(**counts_of(path)))
                self._count(self._before[-1])
            else:
                yield plan, number

    def _count(self, counts: Counts) -> None:
        self.report.parts += 1
        self.report.counts += counts


def begin(settings: Settings, out: Path, cores: int) -> Callable[[Job], FilmPlan | Counts]:
    """What answers jobs in a process of its own."""
    threads.use(cores)
    options = settings.options
    worker = Worker(settings.model, settings.device, settings.precision, options, out)

    def work(job: Job) -> FilmPlan | Counts:
        return planned(job, options, out) if isinstance(job, Path) else worker.do(*job)

    return work
