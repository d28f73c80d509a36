"""`streamdeq train`: run a recipe, take a stopped run up again, or say beforehand what it costs."""

import os
import signal
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from streamdeq.cli.options import Device, Quiet
from streamdeq.cli.stopping import stop_signals
from streamdeq.cli.terminal import say, teller
from streamdeq.errors import StreamdeqError
from streamdeq.training.options import TrainOptions

_CACHE_BYTES = 4 << 30
#: Among a recipe's settings: as many parts of a batch as memory asks for.
AUTO = "batch=auto"


def train(
    chosen: TrainOptions,
    recipe: Annotated[
        str | None, typer.Argument(metavar="[RECIPE]", help="A recipe's name; with --resume the run's own.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Changes to it: optimizer.lr=1e-3")
    ] = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    from streamdeq.runtime.precision import pick_device
    from streamdeq.threads import use
    from streamdeq.training import session
    from streamdeq.training.parallel import joined
    from streamdeq.training.run import WEIGHTS
    from streamdeq.training.setup import initial_weights

    use(chosen.threads)
    past = session.past(chosen.resume) if chosen.resume else None
    if AUTO in (settings or []):
        settings = [one for one in settings or [] if one != AUTO]
        chosen = replace(chosen, accumulate=None)
    wanted = _recipe(recipe, settings or [], chosen, past)
    if chosen.plan or chosen.dry_loader:
        say(*_costs(wanted, chosen))
        return
    if not past:
        initial_weights(wanted)  # refused before a million files are listed
    else:
        session.check_same(past.recipe, wanted)
        chosen = replace(chosen, data=chosen.data or past.data.spec)
    if chosen.data is None:
        raise StreamdeqError("--data: expected a data set to train on, got none; give its folder")
    folder = chosen.resume or chosen.out or Path("runs") / f"{wanted.name}-{wanted.seed}"
    where = pick_device(device)
    workers = _workers(chosen, where.type == "cuda")
    dataset, validation = _datasets(chosen, wanted, workers)
    with (
        stop_signals() as caught,
        joined(where) as ranks,
        session.held(folder) if ranks.leads else nullcontext(),  # whoever trains along leaves that to who leads
    ):
        run = replace(_run(chosen, folder, ranks, workers), validation=validation, stop=lambda: bool(caught))
        done, finished = _train(wanted, dataset, run, past, silent=quiet or not ranks.leads)
    if not finished:
        if ranks.leads:
            say(f"stopped after step {done}; go on with: streamdeq train --resume {folder}", err=True)
        raise typer.Exit(128 + (caught[0] if caught else signal.SIGTERM))  # another rank may have been told to stop
    if ranks.leads:
        say(folder / WEIGHTS)


def _run(chosen: TrainOptions, folder: Path, ranks: Any, workers: int) -> Any:
    from streamdeq.training.run import RunSettings

    return RunSettings(
        folder=folder,
        data=str(chosen.data),
        device=ranks.device,
        checkpoint_every_s=chosen.checkpoint_every,
        validate_every=chosen.eval_every,
        ranks=ranks,
        accumulate=chosen.accumulate,
        workers=workers,
        limits=chosen.guard,
        patience=chosen.patience,
        tensorboard=chosen.tensorboard,
    )


def _workers(chosen: TrainOptions, gpu: bool) -> int:
    """Processes that prepare batches: with a GPU its share of the cores, by default."""
    if chosen.workers is not None:
        return chosen.workers
    return max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))) if gpu else 0


def _costs(recipe: Any, chosen: TrainOptions) -> Iterator[str]:
    """What `--plan` and `--dry-loader` say."""
    from streamdeq.data.open import open_dataset
    from streamdeq.tasks import build_task
    from streamdeq.training.feeding import measure
    from streamdeq.training.footprint import footprint
    from streamdeq.training.setup import spec_of

    dataset = (
        open_dataset(chosen.data, recipe.split, recipe.task, chosen.allow_outside) if chosen.data is not None else None
    )
    if chosen.plan:
        yield from footprint(recipe, dataset).lines()
    if chosen.dry_loader:
        if dataset is None:
            raise StreamdeqError("--dry-loader: expected --data, a data set to read, got none; give its folder")
        objective = build_task(spec_of(recipe, dataset)).objective(recipe, dataset)
        yield from measure(recipe, objective, chosen.workers or 0).lines()


def _datasets(chosen: TrainOptions, recipe: Any, workers: int) -> tuple[Any, Any]:
    """What is trained on, and what is scored on meanwhile, if anything."""
    from streamdeq.data.cache import cached
    from streamdeq.data.labels import open_labelled

    def read(split: str | None) -> Any:
        if not split:
            return None
        opened = open_labelled(str(chosen.data), split, recipe.task, teller("train"), chosen.allow_outside)
        return cached(opened, _CACHE_BYTES // max(1, workers))

    opened = [read(split) for split in (recipe.split, chosen.eval_split)]
    return opened[0], opened[1]


def _train(recipe: Any, dataset: Any, run: Any, past: Any, *, silent: bool) -> tuple[int, bool]:
    """Train until the recipe's last step, a plateau, or until told to stop; the step that was reached, and whether that
    is the end."""
    from streamdeq.cli.progress import track
    from streamdeq.training import session
    from streamdeq.training.fitting import fitted
    from streamdeq.training.loop import run_training
    from streamdeq.training.run import StepRecord
    from streamdeq.training.trainer import Trainer

    with track("train", recipe.steps - (past.step if past else 0), unit="steps", quiet=silent) as advance:

        def report(record: StepRecord) -> None:
            advance(step=record.step, loss=record.loss, lr=record.lr)

        run, tell = replace(run, report=report), teller("train", silent=silent)
        trainer = fitted(recipe, dataset, run) if run.accumulate is None else Trainer.build(recipe, dataset, run)
        if run.accumulate is None:
            tell(f"each batch of {recipe.batch} in {trainer.run.division.parts} parts")
        log = session.resume(trainer) if past else session.start(trainer, tell)
        try:
            finished = run_training(trainer, log)
        finally:
            log.close()
    return trainer.state.step, finished


def _recipe(name: str | None, settings: list[str], chosen: TrainOptions, past: Any) -> Any:
    """The named recipe with the settings applied; with none given, that of the run to resume."""
    from streamdeq.codec import override
    from streamdeq.training.recipes import RECIPES

    if name is not None and "=" in name:  # --resume DIR key=value: no recipe named
        name, settings = None, [name, *settings]
    if name is None and past is None:
        raise StreamdeqError(f"expected a recipe ({', '.join(RECIPES)}) or --resume DIR")
    if chosen.seed is not None:
        settings = [*settings, f"seed={chosen.seed}"]
    recipe = override(past.recipe if name is None else RECIPES[name], settings)
    if chosen.init is None:
        return recipe
    return replace(recipe, init=None if chosen.init == "none" else chosen.init)
