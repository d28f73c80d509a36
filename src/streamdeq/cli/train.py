"""`streamdeq train`: run a recipe, or take a stopped run up again. A thin caller of `streamdeq.training`."""

import signal
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from streamdeq.cli.options import Device, Quiet, at_least
from streamdeq.cli.stopping import stop_signals
from streamdeq.errors import StreamdeqError

_CACHE_BYTES = 4 << 30


def train(
    recipe: Annotated[
        str | None, typer.Argument(metavar="[RECIPE]", help="A recipe's name; with --resume the run's own.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Changes to it: optimizer.lr=1e-3")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", metavar="DIR|synthetic", help="The data set to train on.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The run's folder; default runs/RECIPE-SEED.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="DIR", help="Go on with the run in this folder.")
    ] = None,
    init: Annotated[
        str | None,
        typer.Option("--init", metavar="NAME|FILE", help="Weights, of any task, to begin with instead of random ones."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", parser=at_least(0, "--seed"), help="Seed of the run.")
    ] = None,
    eval_split: Annotated[
        str | None, typer.Option("--eval-split", metavar="SPLIT", help="Score on this split while training.")
    ] = None,
    eval_every: Annotated[
        int,
        typer.Option("--eval-every", metavar="STEPS", parser=at_least(1, "--eval-every"), help="How often."),
    ] = 500,
    checkpoint_every: Annotated[
        float, typer.Option("--checkpoint-every", metavar="SECONDS", help="Time between checkpoints.")
    ] = 180.0,
    threads: Annotated[
        int | None,
        typer.Option("--threads", metavar="N", parser=at_least(1, "--threads"), help="CPU threads."),
    ] = None,
    accumulate: Annotated[
        int,
        typer.Option(
            "--accumulate",
            metavar="N",
            parser=at_least(1, "--accumulate"),
            help="Compute each batch in N parts, to save memory.",
        ),
    ] = 1,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Train a model: streamdeq train camvid-s --data DIR optimizer.lr=1e-3; torchrun starts several processes."""
    import torch

    from streamdeq.cli.progress import track
    from streamdeq.data.cache import cached
    from streamdeq.data.open import open_dataset
    from streamdeq.runtime.precision import pick_device
    from streamdeq.training import session
    from streamdeq.training.loop import run_training
    from streamdeq.training.parallel import joined
    from streamdeq.training.run import WEIGHTS, RunSettings, StepRecord
    from streamdeq.training.trainer import Trainer

    if not checkpoint_every >= 0:
        raise StreamdeqError(f"--checkpoint-every: expected seconds, 0 or more, got {checkpoint_every}")
    if threads is not None:
        torch.set_num_threads(threads)
    past = session.past(resume) if resume else None
    chosen = _recipe(recipe, settings or [], seed, past)
    if init is not None:
        chosen = replace(chosen, init=init)
    if past:
        session.check_same(past.recipe, chosen)
    spec = data or (past.data["spec"] if past else None)
    if spec is None:
        raise StreamdeqError("--data: expected a data set to train on, got none; give its folder")
    folder = resume or out or Path("runs") / f"{chosen.name}-{chosen.seed}"
    dataset = cached(open_dataset(spec, chosen.split, chosen.task), _CACHE_BYTES)
    validation = cached(open_dataset(spec, eval_split, chosen.task), _CACHE_BYTES) if eval_split else None

    with (
        stop_signals() as caught,
        joined(pick_device(device)) as ranks,
        session.held(folder) if ranks.leads else nullcontext(),  # whoever trains along leaves that to who leads
    ):
        silent = quiet or not ranks.leads

        def say(line: str) -> None:
            if not silent:
                typer.echo(f"train: {line}", err=True)

        remaining = chosen.steps - (past.step if past else 0)
        with track("train", remaining, unit="steps", quiet=silent) as advance:

            def report(record: StepRecord) -> None:
                advance(step=record.step, loss=record.loss, lr=record.lr)

            run = RunSettings(
                folder,
                spec,
                ranks.device,
                checkpoint_every,
                validation,
                eval_every,
                report,
                lambda: bool(caught),
                ranks,
                accumulate,
            )
            trainer = Trainer.build(chosen, dataset, run)
            log = session.resume(trainer) if past else session.start(trainer, say)
            try:
                finished = run_training(trainer, log)
            finally:
                log.close()
    if not finished:
        if ranks.leads:
            go_on = f"streamdeq train --resume {folder}"
            typer.echo(f"stopped after step {trainer.state.step}; go on with: {go_on}", err=True)
        raise typer.Exit(128 + (caught[0] if caught else signal.SIGTERM))  # another rank may have been told to stop
    if ranks.leads:
        typer.echo(folder / WEIGHTS)


def _recipe(name: str | None, settings: list[str], seed: int | None, past: Any) -> Any:
    """The named recipe with the settings applied; with none given, that of the run to resume."""
    from streamdeq.overrides import override
    from streamdeq.training.recipes import RECIPES

    if name is not None and "=" in name:  # --resume DIR key=value: no recipe named
        name, settings = None, [name, *settings]
    if name is None and past is None:
        raise StreamdeqError(f"expected a recipe ({', '.join(RECIPES)}) or --resume DIR")
    base = past.recipe if name is None else RECIPES[name]
    if seed is not None:
        settings = [*settings, f"seed={seed}"]
    return override(base, settings)


if __name__ == "__main__":
    import sys

    from streamdeq.cli.main import build, guarded

    sys.exit(guarded(build([train]), ["train", *sys.argv[1:]] if len(sys.argv) > 1 else ["train"]))
