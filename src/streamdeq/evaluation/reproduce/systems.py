"""Table I: several models, and other solvers for one of them, on the same frames in the same run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from streamdeq.codec import from_plain
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.bench.subjects import Published, Solving, our_solver, torchdeqs_solver
from streamdeq.evaluation.bench.subjects import Work as Computed
from streamdeq.evaluation.comparison.report import render
from streamdeq.evaluation.comparison.run import Comparison, compare
from streamdeq.evaluation.protocol.plan import Sample
from streamdeq.evaluation.reporting.table import Markdown
from streamdeq.evaluation.reproduce.accuracy import Tally, drawn
from streamdeq.evaluation.reproduce.item import FROM_ZEROS, Work, charted
from streamdeq.evaluation.reproduce.latents import Measured
from streamdeq.files import atomic_path


def compared(work: Work) -> dict[str, Any]:
    """Accuracy after the largest offset at 1, 2, 4, 8 iterations, applications of f, milliseconds in turns; and the
    single frame at each model's own count, the fixed baseline."""
    models = [one.model for one in work.measured]
    dataset = work.measured[0].dataset
    settings = work.settings.protocol(dataset, offsets=(max(work.settings.after(dataset)),))
    found = compare(models, work.peers, dataset, settings, resamples=work.settings.resamples, on_step=work.done)
    return {"comparison": asdict(found), "task": models[0].spec.task}


def draw_table(found: Mapping[str, Any], path: Path) -> list[Path]:
    """As Markdown, and accuracy over milliseconds as PNG and SVG: a line per model and number of iterations, from zeros
    dashed, a point per peer."""
    head, file = found["header"], path.with_suffix(".md")
    place = f"{head['machine']}, {head['threads']} threads, {head['precision']}"
    with atomic_path(file) as part:
        part.write_text(render(from_plain(Comparison, found["comparison"]), place, Markdown()) + "\n", encoding="utf-8")
    metric, lines = found["comparison"]["metric"], dict(_over_ms(found["comparison"]["entries"]))
    return [*draw_over_ms({**found, "metric": metric, "lines": lines}, path), file]


def _over_ms(entries: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for entry in entries:
        ms = [line["ms"] for line in entry["lines"]]
        from_zeros = [line["scratch"]["value"] for line in entry["lines"]]
        if any(line["streaming"] is None for line in entry["lines"]):  # a peer, or no video
            yield entry["name"], {"ms": ms, "value": from_zeros}
            continue
        yield entry["name"], {"ms": ms, "value": [line["streaming"]["value"] for line in entry["lines"]]}
        yield entry["name"] + FROM_ZEROS, {"ms": ms, "value": from_zeros, "dashed": True}


class Solver(NamedTuple):
    """A method in a library: `of` makes it for what is computed."""

    method: str
    library: str
    of: Callable[[Computed], Solving]


SOLVERS = tuple(
    Solver(method, library, of)
    for method in ("picard", "broyden")
    for library, of in (("streamdeq", our_solver), ("torchdeq", torchdeqs_solver))
)


def solvers(work: Work) -> dict[str, Any]:
    """The model's cell by our solvers and by those of torchdeq, float32, both as published: accuracy while streaming
    and median milliseconds of a frame, in turns.

    Raises:
        StreamdeqError: torchdeq is not installed.
    """
    if not find_spec("torchdeq"):
        raise StreamdeqError("torchdeq is not installed: pip install 'streamdeq[bench]'")
    measured, counts = work.one, work.settings.counts()
    offset = max(work.settings.after(measured.dataset))
    samples, metric = measured.ends(offset), ""
    tallies = {solver: Tally.empty(measured) for solver in SOLVERS}
    ms: dict[tuple[Solver, int], list[float]] = {(solver, count): [] for solver in SOLVERS for count in counts}
    for sample in samples:
        for count, solver in product(counts, SOLVERS):
            result, seconds = _streamed(measured, sample, offset, solver, count)
            tallies[solver].add(count, sample, result)
            ms[solver, count].append(1000 * seconds)
        work.done()
    draws, lines = drawn(work, samples), {}
    for solver, tally in tallies.items():
        median = [float(np.median(ms[solver, count])) for count in sorted(counts)]
        lines[f"{solver.method}, {solver.library}"] = tally.line(draws, ms=median)
        metric = tally.metric
    return {"lines": lines, "metric": metric, "offset": offset, "frames": len(samples)}


def _streamed(measured: Measured, sample: Sample, offset: int, solver: Solver, count: int) -> tuple[Any, float]:
    """The answer for a frame after `offset` others, and the median seconds of a frame."""
    assert measured.network is not None
    frames = [measured.frames.frame(Sample(sample.clip, sample.t - ago)) for ago in range(offset, -1, -1)]
    size = min(frames[0].image.shape[:2]) if isinstance(measured.size, str) else measured.size  # "native"
    work = Computed(measured.model, measured.network, frames[0].image, size, solver.method, (count,))
    video, solve, seconds, result = Published(work), solver.of(work)(count), [], None
    for frame in frames:
        video.work = replace(work, image=frame.image)
        began = perf_counter()
        result = video.frame(solve)
        seconds.append(perf_counter() - began)
    return result, float(np.median(seconds))


def draw_over_ms(found: Mapping[str, Any], path: Path) -> list[Path]:
    lines = {name: {**line, "x": line["ms"]} for name, line in found["lines"].items()}
    several = len(found["header"]["models"]) > 1
    draw = charted("Accuracy over time per frame", "milliseconds per frame", "", "value", lines_name=several)
    return draw({**found, "lines": lines}, path)
