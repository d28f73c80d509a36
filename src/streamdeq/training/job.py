"""A training run put together from what a user says: the same for `streamdeq train` and `model.train`."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from math import ceil
from pathlib import Path
from typing import Any

from streamdeq.codec import override
from streamdeq.data.base import Dataset
from streamdeq.data.cache import cached
from streamdeq.data.holdout import FIT, HELD, thinned
from streamdeq.data.labels import open_labelled
from streamdeq.data.open import SYNTHETIC, find_reader
from streamdeq.data.whole import check_whole, labels_in_files
from streamdeq.errors import StreamdeqError
from streamdeq.runtime.precision import Precision
from streamdeq.training import session
from streamdeq.training.automatic import choose
from streamdeq.training.checkpoint import Header, Scoring
from streamdeq.training.fitting import fitted
from streamdeq.training.loop import run_training
from streamdeq.training.options import EVAL_EVERY, TrainOptions
from streamdeq.training.parallel import Ranks
from streamdeq.training.recipe import Recipe
from streamdeq.training.recipes import RECIPES
from streamdeq.training.results import score_line
from streamdeq.training.run import RunSettings
from streamdeq.training.setup import initial_weights
from streamdeq.training.trainer import Trainer

Say = Callable[[str], None]
#: Shows work of so many units: what it gives is called after each.
Watch = Callable[[str, int], AbstractContextManager[Callable[[], None]]]

_CACHE_BYTES = 4 << 30
#: Among a recipe's settings: as many parts of a batch as memory asks for.
AUTO = "batch=auto"
#: Of a split that is chosen here, so many pictures are scored meanwhile; all of them when the run is done.
SCORED = 64
#: How often a run that is put together here is scored.
SCORES = 10
#: No split is scored, no weights are begun with.
NONE = "none"


@contextmanager
def unwatched(title: str, total: int) -> Iterator[Callable[[], None]]:
    yield lambda: None


@dataclass(frozen=True)
class Job:
    """A run that has its data and has not begun.

    Args:
        scoring, validation: how often what is scored meanwhile.
        reported: what that is a part of, for the report at the end.
        past: what the checkpoint says of a run that goes on.
    """

    options: TrainOptions
    recipe: Recipe
    dataset: Dataset
    scoring: Scoring
    validation: Dataset | None
    reported: Dataset | None
    folder: Path
    past: Header | None

    def settings(self, ranks: Ranks, workers: int = 0, **more: Any) -> RunSettings:
        """Where and how it runs.

        Args:
            more: of `RunSettings`: whom to tell. Of a score `say` is told, if nobody else is `scored`.
        """
        chosen, say = self.options, more.get("say", lambda line: None)
        batch, pictures = self.recipe.batch, len(self.dataset.samples)
        told = {"scored": lambda line: say(score_line(line, batch, pictures)), **more}
        return RunSettings(
            folder=self.folder,
            data=str(chosen.data),
            device=ranks.device,
            checkpoint_every_s=chosen.checkpoint_every,
            validation=self.validation,
            validate_every=self.scoring.every,
            reported=self.reported,
            scoring=self.scoring,
            ranks=ranks,
            accumulate=chosen.accumulate,
            workers=workers,
            limits=chosen.guard,
            patience=chosen.patience,
            tensorboard=chosen.tensorboard,
            **told,
        )


def wanted(
    options: TrainOptions,
    name: str | None,
    settings: Sequence[str],
    say: Say = lambda line: None,
    cache_bytes: int = _CACHE_BYTES,
) -> tuple[TrainOptions, Recipe, Dataset | None, Header | None]:
    """The options as they are meant, and the recipe; the training split where that has been opened to choose it,
    cached; and what is known of a run that goes on.

    Raises:
        StreamdeqError: no such recipe, setting, weights or run; neither a recipe nor data to choose one by.
    """
    if name is not None and "=" in name:  # key=value, and no recipe named
        name, settings = None, [name, *settings]
    if AUTO in settings:
        settings = [one for one in settings if one != AUTO]
        options = replace(options, accumulate=None)
    if options.seed is not None:
        settings = [*settings, f"seed={options.seed}"]
    past = session.past(options.resume) if options.resume else None
    if past is not None:
        again = override(past.recipe if name is None else RECIPES[name], settings)
        if options.init is not None:
            again = replace(again, init=None if options.init == NONE else options.init)
        if again.precision == Precision.AUTO:
            again = replace(again, precision=past.recipe.precision)
        session.check_same(past.recipe, again)
        return replace(options, data=options.data or past.data.spec), again, None, past
    if name is None:
        return _chosen(options, settings, say, cache_bytes)
    recipe = override(RECIPES[name], settings)
    if options.init is not None:
        recipe = replace(recipe, init=None if options.init == NONE else options.init)
    return options, recipe, None, None


def _chosen(
    options: TrainOptions, settings: Sequence[str], say: Say, cache_bytes: int
) -> tuple[TrainOptions, Recipe, Dataset, None]:
    """Without a recipe: everything by the data."""
    if options.data is None:
        known = ", ".join(RECIPES)
        raise StreamdeqError(
            f"expected --data DIR, to choose by the data what to train, a recipe ({known}) or --resume DIR"
        )
    splits = _splits(options)
    given = {key: value for key, _, value in (item.partition("=") for item in settings)}
    usual = next((one for one in ("train", "all", *splits) if one in splits), "train")
    train, val = given.get("split", usual), options.eval_split
    if val is None:
        val = next((one for one in ("val", "valid") if one in splits), None)
        if val is None and "split" not in given:
            train, val = f"{train}-{FIT}", f"{train}-{HELD}"
    dataset = cached(open_labelled(str(options.data), train, options.task, say, options.allow_outside), cache_bytes)
    found = choose(dataset, options.init, options.epochs, lambda recipe: override(recipe, settings))
    for line in found.because:
        say(line)
    return replace(options, eval_split=val or NONE), found.recipe, dataset, None


def _splits(options: TrainOptions) -> tuple[str, ...]:
    spec = str(options.data)
    if spec == SYNTHETIC or spec.startswith(f"{SYNTHETIC}:"):
        return ("train", "val")
    folder = Path(spec).expanduser()
    return find_reader(folder, options.task, options.allow_outside).splits(folder)


def prepare(
    options: TrainOptions,
    name: str | None,
    settings: Sequence[str],
    *,
    say: Say = lambda line: None,
    watch: Watch = unwatched,
    workers: int = 0,
) -> Job:
    """A run with its data, read and checked.

    Raises:
        StreamdeqError: as `wanted`; what is wrong with the data; nothing to score on for `--patience`.
    """
    share = _CACHE_BYTES // max(1, workers)
    options, recipe, opened, past = wanted(options, name, settings, say, share)
    automatic = opened is not None
    if options.data is None:
        raise StreamdeqError("--data: expected a data set to train on, got none; give its folder")
    if past is None:
        initial_weights(recipe)  # refused before a million files are listed
    if options.epochs is not None and opened is None and past is None:
        whole = open_labelled(str(options.data), recipe.split, recipe.task, say, options.allow_outside)
        opened = cached(whole, share)
        recipe = replace(recipe, steps=max(1, ceil(options.epochs * len(opened.samples) / recipe.batch)))
    scoring = _scoring(options, recipe, past, automatic=automatic)
    if options.patience and not scoring.split:
        raise StreamdeqError("--patience: expected --eval-split, whose scores it waits for, got none")

    def read(split: str) -> Dataset:
        whole = open_labelled(str(options.data), split, recipe.task, say, options.allow_outside)
        return checked(cached(whole, share))

    def checked(kept: Dataset) -> Dataset:
        total = labels_in_files(kept)
        if total and past is None and os.environ.get("RANK", "0") == "0":
            with watch("check", total) as advance:
                check_whole(kept, say, advance)
        return kept

    dataset = checked(opened) if opened is not None else read(recipe.split)
    reported = read(scoring.split) if scoring.split else None
    validation = thinned(reported, scoring.pictures) if reported and scoring.pictures else reported
    if reported is not None and scoring.pictures and past is None:
        say(_validation_line(reported, scoring))
    folder = options.resume or options.out or _folder(recipe, automatic=automatic)
    return Job(options, recipe, dataset, scoring, validation, reported, folder, past)


def _scoring(options: TrainOptions, recipe: Recipe, past: Header | None, *, automatic: bool) -> Scoring:
    """On what, how often, and on how many pictures; a run that goes on as it was, where nothing else is said."""
    was = past.scoring if past else Scoring()
    usual = max(1, min(EVAL_EVERY, recipe.steps // SCORES)) if automatic and not past else EVAL_EVERY
    split = {None: was.split, NONE: ""}.get(options.eval_split, options.eval_split) or ""
    pictures = was.pictures if past else SCORED if automatic else 0
    return Scoring(split, options.eval_every or was.every or usual, pictures)


def _validation_line(reported: Dataset, scoring: Scoring) -> str:
    total = len(reported.samples)
    made = ", held out because the data have no split to validate on" if reported.split.endswith(f"-{HELD}") else ""
    some = f"; {scoring.pictures} of them while training" if scoring.pictures < total else ""
    return f"validation on '{reported.split}', {total} pictures{made}{some}"


def _folder(recipe: Recipe, *, automatic: bool) -> Path:
    if not automatic:
        return Path("runs") / f"{recipe.name}-{recipe.seed}"
    first = Path("runs") / recipe.name
    names = (first if n == 1 else first.with_name(f"{first.name}-{n}") for n in count(1))
    return next(name for name in names if not name.exists())


def train(job: Job, run: RunSettings) -> tuple[int, bool]:
    """Train until the recipe's last step, a plateau, or until told to stop; the step that was reached, and whether that
    is the end."""
    recipe, dataset = job.recipe, job.dataset
    trainer = fitted(recipe, dataset, run) if run.accumulate is None else Trainer.build(recipe, dataset, run)
    if run.accumulate is None:
        run.say(f"each batch of {recipe.batch} in {trainer.run.division.parts} parts")
    log = session.resume(trainer) if job.past else session.start(trainer, run.say)
    try:
        finished = run_training(trainer, log)
    finally:
        log.close()
    return trainer.state.step, finished
