"""Accuracy over the frames since the start: Figs 9, 11 to 14 and 16 to 22, and what no step at all gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamdeq.codec import from_plain
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.bootstrap import Figure, Resamples, resample
from streamdeq.evaluation.protocol.curves import over_the_offset
from streamdeq.evaluation.protocol.plan import Sample, films_of
from streamdeq.evaluation.protocol.rows import ScoreRow, make_rows
from streamdeq.evaluation.protocol.run import Job
from streamdeq.evaluation.protocol.score import Score
from streamdeq.evaluation.reproduce.item import Work, models_of, save_both
from streamdeq.evaluation.reproduce.latents import Measured
from streamdeq.solvers import make_solver
from streamdeq.streaming.loop import run_frames, run_steps
from streamdeq.streaming.options import StartFrom


def over_offsets(start: StartFrom = StartFrom.PREVIOUS, needs: str = "") -> Callable[[Work], dict[str, Any]]:
    """The protocol of `streamdeq eval`, begun by `start`.

    Args:
        needs: what the pictures that `start` comes from are, where they have to be another data set's.
    """

    def measure(work: Work) -> dict[str, Any]:
        named = work.settings.start_from if start == StartFrom.OTHER else None
        if needs and named is None:
            raise StreamdeqError(f"expected --start-from, {needs} to begin from")
        model, dataset = work.one.model, work.one.dataset
        settings = work.settings.protocol(dataset, start=start, start_from=named)
        job = Job(model, dataset, settings)
        job.run(on_step=work.done)
        rows = make_rows(job.evaluation(), work.settings.resamples)
        baseline = model.spec.reference_solve.iterations
        return {"rows": [row.to_plain() for row in rows], "baseline": baseline, "start": str(start)}

    return measure


def draw_offsets(found: Mapping[str, Any], path: Path) -> list[Path]:
    rows = [from_plain(ScoreRow, row) for row in found["rows"]]
    chart = over_the_offset(rows, f"{models_of(found)}, from {found['start']}", found["baseline"])
    if chart is None:
        raise StreamdeqError(f"{path}: only single pictures were scored, there is no curve")
    return save_both(chart, path)


@dataclass(eq=False)
class Tally:
    """A score for every x of a line."""

    measured: Measured
    scores: dict[Any, Score]

    @classmethod
    def empty(cls, measured: Measured) -> "Tally":
        return cls(measured, {})

    def add(self, x: Any, sample: Sample, result: Any) -> None:
        metric = self.measured.model.task.metric
        self.scores.setdefault(x, Score(metric())).add(sample, metric(), result, self.measured.frames.target(sample))

    def line(self, draws: Resamples | None, **further: Any) -> dict[str, Any]:
        """For JSON; x ascending."""
        figures: list[Figure] = [self.scores[x].figure(draws) for x in sorted(self.scores)]
        bounds = [(None, None) if one.interval is None else (one.interval.low, one.interval.high) for one in figures]
        return {
            "x": sorted(self.scores),
            "value": [one.value for one in figures],
            "low": [low for low, _ in bounds],
            "high": [high for _, high in bounds],
            **further,
        }

    @property
    def metric(self) -> str:
        return next(iter(self.scores.values())).total.name


def drawn(work: Work, samples: Sequence[Sample]) -> Resamples | None:
    if not work.settings.resamples:
        return None
    return resample(samples, work.settings.resamples, films=films_of(work.measured[0].dataset))


def steps_on_the_frame(work: Work) -> dict[str, Any]:
    """`zero`: after the largest offset, the answer for a frame with 0, 1, … M iterations on that frame itself, having
    streamed with M; and from zeros. With none the answer is the one before, as it is."""
    measured, settings = work.one, work.settings
    offset = max(settings.after(measured.dataset))
    samples = measured.ends(max(offset, 1))
    lines, metric, draws = {}, "", drawn(work, samples)
    # From zeros once, at the most iterations: fewer are on its way.
    runs = [(f"streaming, {most} a frame", most, offset) for most in settings.counts()]
    for name, most, before in (*runs, ("from zeros", max(settings.counts()), 0)):
        tally = Tally.empty(measured)
        for sample in samples:
            for x, result in _steps(measured, sample, most, before):
                tally.add(x, sample, result)
            work.done()
        lines[name], metric = tally.line(draws), tally.metric
    return {"lines": lines, "metric": metric, "offset": offset, "frames": len(samples)}


def _steps(measured: Measured, sample: Sample, most: int, offset: int) -> list[tuple[int, Any]]:
    """(iterations on the sample's frame, answer), after `offset` frames with `most` each. Without any, from zeros."""
    engine = measured.model.engine(make_solver(measured.model.spec.solver, most), measured.size)
    row = engine.open()
    for ago in range(offset, 0, -1):
        frame = measured.frames.frame(Sample(sample.clip, sample.t - ago))
        run_frames(engine, [row], [frame], engine.solver.evaluations(most), read=())
    measured.observe(engine, [row], [sample], keep=True)
    found = [(0, engine.read([row])[0])] if offset else []
    done = 0
    for count in range(1, most + 1):
        evaluations = engine.solver.evaluations(count)
        [result] = run_steps(engine, [row], evaluations - done)
        done = evaluations
        found.append((count, result))
    engine.close(row)
    return found
