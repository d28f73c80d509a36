"""`streamdeq train`: run a recipe, or what suits the data; go on with a stopped run; say beforehand what it costs."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Annotated, Any

import typer

from streamdeq.cli.options import Device, Quiet
from streamdeq.cli.stopping import stop_signals
from streamdeq.cli.terminal import say, teller
from streamdeq.errors import StreamdeqError
from streamdeq.training.options import TrainOptions


def train(
    chosen: TrainOptions,
    recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="[RECIPE]", help="A recipe's name; without one what suits the data, with --resume the run's own."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Changes to it: optimizer.lr=1e-3")
    ] = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    from streamdeq.runtime.precision import pick_device
    from streamdeq.threads import use
    from streamdeq.training import job, session
    from streamdeq.training.parallel import joined
    from streamdeq.training.run import WEIGHTS

    use(chosen.threads)
    leads = os.environ.get("RANK", "0") == "0"
    tell = teller("train", silent=quiet or not leads)
    if chosen.plan or chosen.dry_loader:
        say(*_costs(chosen, recipe, settings or [], tell))
        return
    where = pick_device(device)
    workers = _workers(chosen, where.type == "cuda")

    @contextmanager
    def watch(title: str, total: int) -> Iterator[Callable[[], None]]:
        from streamdeq.cli.progress import track

        with track(title, total, unit="labels", quiet=quiet) as advance:
            yield advance

    made = job.prepare(chosen, recipe, settings or [], say=tell, watch=watch, workers=workers)
    with (
        stop_signals() as caught,
        joined(where) as ranks,
        session.held(made.folder) if ranks.leads else nullcontext(),  # whoever trains along leaves that to who leads
    ):
        done, finished = _train(made, ranks, workers, lambda: bool(caught), tell, silent=quiet or not ranks.leads)
    if not finished:
        if ranks.leads:
            say(f"stopped after step {done}; go on with: streamdeq train --resume {made.folder}", err=True)
        raise typer.Exit(128 + (caught[0] if caught else signal.SIGTERM))  # another rank may have been told to stop
    if ranks.leads:
        say(made.folder / WEIGHTS)


def _workers(chosen: TrainOptions, gpu: bool) -> int:
    """Processes that prepare batches: with a GPU its share of the cores, by default."""
    if chosen.workers is not None:
        return chosen.workers
    return max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))) if gpu else 0


def _costs(chosen: TrainOptions, name: str | None, settings: list[str], tell: Callable[[str], None]) -> Iterator[str]:
    """What `--plan` and `--dry-loader` say."""
    from streamdeq.data.open import open_dataset
    from streamdeq.tasks import build_task
    from streamdeq.training.feeding import measure
    from streamdeq.training.footprint import footprint
    from streamdeq.training.job import wanted
    from streamdeq.training.setup import spec_of

    chosen, recipe, dataset, _ = wanted(chosen, name, settings, tell)
    if dataset is None and chosen.data is not None:
        dataset = open_dataset(chosen.data, recipe.split, recipe.task, chosen.allow_outside)
    if chosen.plan:
        yield from footprint(recipe, dataset).lines()
    if chosen.dry_loader:
        if dataset is None:
            raise StreamdeqError("--dry-loader: expected --data, a data set to read, got none; give its folder")
        objective = build_task(spec_of(recipe, dataset)).objective(recipe, dataset)
        yield from measure(recipe, objective, chosen.workers or 0).lines()


def _train(
    made: Any, ranks: Any, workers: int, stop: Callable[[], bool], tell: Callable[[str], None], *, silent: bool
) -> tuple[int, bool]:
    from streamdeq.cli.progress import track
    from streamdeq.training.job import train
    from streamdeq.training.results import score_line

    batch, pictures = made.recipe.batch, max(1, len(made.dataset.samples))
    score: dict[str, float] = {}
    with track(
        "train", made.recipe.steps - (made.past.step if made.past else 0), unit="steps", quiet=silent
    ) as advance:
        last = time.monotonic()

        def report(record: Any) -> None:
            nonlocal last
            now = time.monotonic()
            speed, last = batch / max(1e-9, now - last), now
            epoch = record.step * batch / pictures
            advance(**{"epoch": epoch, "loss": record.loss, "lr": record.lr, **score, "pictures/s": speed})

        def scored(line: dict[str, Any]) -> None:
            nonlocal last
            score["score"], last = line["score"], time.monotonic()  # what scoring takes is no slow step
            tell(score_line(line, batch, pictures))

        run = made.settings(ranks, workers, report=report, scored=scored, stop=stop, say=tell)
        return train(made, run)
