"""The two kinds of work of an archive, for any process of any machine: divide a film, and answer the frames of a part.

What is done is a whole file under its final name; whoever does it again finds it, so that every part is there once.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamdeq.api import Model, load
from streamdeq.cluster.options import ArchiveOptions
from streamdeq.cluster.plan import FilmPlan, key_of, plan_film, read_plan, write_plan
from streamdeq.errors import OutOfMemoryError, StreamdeqError
from streamdeq.files import shown, sweep
from streamdeq.results.record import Record, absence_record, answer_record
from streamdeq.results.sinks.parquet import RowGroups, counts_of
from streamdeq.running.summary import stages_of
from streamdeq.streaming.stream import Stream
from streamdeq.values.frame import Failure, Frame
from streamdeq.video import Source, open_source
from streamdeq.video.parts import film_part


@dataclass(frozen=True)
class Counts:
    """Frames of a part: each is processed or failed."""

    processed: int = 0
    failed: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.processed + other.processed, self.failed + other.failed)


def planned(path: Path, options: ArchiveOptions, out: Path) -> FilmPlan:
    """How the film is divided, as it was written down the first time.

    Raises:
        StreamdeqError: the film cannot be read.
    """
    plans = out / "plans"
    try:
        if (plan := read_plan(path, plans)) is None:
            for old in (out / "results").glob(f"{key_of(path)}-*.parquet"):
                old.unlink(missing_ok=True)  # of the film that was there before
            every_s = None if options.minutes is None else 60 * options.minutes
            plan = plan_film(path, every_s, options.overlap, options.max_pixels)
            write_plan(plan, plans)
    except OSError as error:
        raise StreamdeqError(f"cannot read {path}: {error.strerror}; check the path and its permissions") from error
    return plan


def result_path(plan: FilmPlan, number: int, out: Path) -> Path:
    return out / "results" / f"{key_of(plan.path)}-{number + 1:04d}-of-{plan.count:04d}.parquet"


class Worker:
    """A model, and the parts it answers."""

    def __init__(self, model: str, device: str, precision: str, options: ArchiveOptions, out: Path) -> None:
        self._model: Model = load(model, device, precision)
        self._options, self._out = options, out
        self._model.task.chooser(options.choice)  # says what does not fit
        sweep(out / "results")

    def do(self, plan: FilmPlan, number: int) -> Counts:
        """Answer the frames of a part, unless that is done.

        Raises:
            StreamdeqError: no frame of it can be answered, or nothing written.
        """
        path = result_path(plan, number, self._out)
        if path.exists():
            return Counts(**counts_of(path))
        first = 0 if plan.parts is None else plan.parts[number].first
        counts = Counts()
        with self._source(plan, number) as source, RowGroups(path, "result") as rows:
            for record in self._records(source, str(plan.path), first):
                failed = "failed" in record
                counts += Counts(not failed, failed)
                rows.write(record)
            rows.counts = vars(counts)
        return counts

    def _source(self, plan: FilmPlan, number: int) -> Source:
        if plan.parts is None:
            return open_source(plan.path, max_pixels=self._options.max_pixels)
        return film_part(plan.path, plan.parts[number], self._options.max_pixels)

    def _records(self, source: Source, camera: str, first: int) -> Iterator[Record]:
        """One for each frame from number `first` on; those before it are answered, and not told."""
        choose = self._model.task.chooser(self._options.choice)
        problem: StreamdeqError | None = None
        answered = 0
        with Stream(self._model.begin(self._options.stream), open_source) as stream:
            for item in source:
                result: Any = None
                try:
                    result = stream.take(item)
                except StreamdeqError as error:
                    # As in a run: one odd picture ends nothing, unless there are only such.
                    if not isinstance(item, Frame) or isinstance(error, OutOfMemoryError):
                        raise
                    problem, item = error, Failure(item.index, shown(str(error)), item.time_s)
                if isinstance(item, Frame):
                    answered += 1
                    chosen, stages_s = choose(result), stages_of(item.decode_s, result.status)
                    if item.index >= first:
                        yield answer_record(
                            self._model.task, chosen, camera=camera, at=time.time(), stages_s=stages_s, file=item.file
                        )
                elif isinstance(item, Failure) and item.index >= first:
                    yield absence_record(item, camera=camera, at=time.time())
        if problem is not None and not answered:
            raise problem
