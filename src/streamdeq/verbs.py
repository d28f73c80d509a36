"""What is done with a model in one call: predict, track, val, train. `streamdeq.load` gives a model that has them.

Pictures are answered each by itself, from zeros; the frames of a video are streamed. Everything here is made of what
lies below: `Model.stream`, the evaluation, the training.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

import numpy as np
from PIL import Image
from torch import Tensor

from streamdeq import api
from streamdeq.api import Boxes
from streamdeq.codec import from_plain, override
from streamdeq.errors import StreamdeqError
from streamdeq.pictures import as_rgb
from streamdeq.runtime.switching import EAGER
from streamdeq.solvers import make_solver
from streamdeq.streaming.options import Options, StartFrom, StreamOptions, WorkingSize
from streamdeq.streaming.several import Streams
from streamdeq.values.choice import Choice
from streamdeq.video import Source, open_source

if TYPE_CHECKING:  # evaluation and training, which bring torchvision, are imported by who asks for them
    from streamdeq.evaluation.protocol.rows import ScoreRow
    from streamdeq.training.recipe import Recipe

#: Kinds of sources whose frames have nothing to do with one another.
PICTURES = ("image", "images")


@dataclass(frozen=True)
class Scores:
    """What `Model.val` found; printed it is the table of `streamdeq eval`."""

    rows: "tuple[ScoreRow, ...]"

    @property
    def single(self) -> float | None:
        """The best of single frames."""
        from streamdeq.evaluation.protocol.rows import best_single

        best = best_single(self.rows)
        return None if best is None else best.value

    def streaming(self, iterations: int, offset: int | None = None) -> float | None:
        """After so many frames, the most there are if None, with so many iterations on each; None where not scored."""
        from streamdeq.evaluation.protocol.score import Mode

        found = [row for row in self.rows if row.mode is Mode.STREAMING and row.iterations == iterations]
        wanted = max((row.offset or 0 for row in found), default=0) if offset is None else offset
        return next((row.value for row in found if row.offset == wanted), None)

    def __str__(self) -> str:
        from streamdeq.evaluation.protocol.rows import table_blocks
        from streamdeq.evaluation.reporting.table import Text

        return Text().page("", table_blocks(self.rows, Text()), [])


class Model(api.Model):
    """A model with the verbs of one call."""

    def predict(
        self,
        source: Any,
        iterations: int | None = None,
        *,
        stream: bool = False,
        video: bool | None = None,
        keep: bool = False,
        conf: float | None = None,
        classes: Sequence[str] = (),
        boxes: Boxes = None,
        bgr: bool = False,
        **options: Unpack[Options],
    ) -> Any:
        """The answers for pictures or a video.

        Args:
            source: a path, a pattern, a folder, an address, a camera's number; a picture (array, tensor, Pillow's) or a
                list or generator of such; several of all these in a list.
            iterations: per frame. For pictures those of the model's reference if None.
            stream: an iterator, an answer at a time: for what is long or has no end; else a list.
            video: whether the frames follow one another, each to start from the last one's answer. If None, a video
                file, a camera and a generator are; pictures in a file, a folder or a list are not.
            keep: answers of a list hold their frames, to be drawn later; those for pictures always do.
            conf, classes, boxes: which instances, as in `stream`.
            bgr: arrays come as OpenCV has them.
            options: as in `stream`.

        Raises:
            StreamdeqError: nothing that can be read, an option out of range, a source without end and no `stream`.
        """
        return self._predict(source, iterations, stream, video, keep, Choice(conf, tuple(classes)), boxes, bgr, options)

    def track(
        self,
        source: Any,
        iterations: int | None = None,
        *,
        stream: bool = False,
        keep: bool = False,
        conf: float | None = None,
        classes: Sequence[str] = (),
        boxes: Boxes = None,
        bgr: bool = False,
        **options: Unpack[Options],
    ) -> Any:
        """As `predict` for a video, with ids that last over its frames (extra `track`)."""
        choice = Choice(conf, tuple(classes), track=True)
        return self._predict(source, iterations, stream, True, keep, choice, boxes, bgr, options)

    def val(
        self,
        data: str | os.PathLike[str],
        split: str = "val",
        *,
        iterations: Sequence[int] = (1, 2, 4, 8),
        offsets: Sequence[int] | None = None,
        resamples: int = 0,
    ) -> Scores:
        """The streaming protocol on a labelled split, as `streamdeq eval`.

        Args:
            offsets: frames between the start of streaming and the scored one; the usual ones if None.
            resamples: of each figure's interval; 0 for none.

        Raises:
            StreamdeqError: no such data, or of other classes.
        """
        from streamdeq.data.labels import open_labelled
        from streamdeq.evaluation.protocol.plan import usual_offsets
        from streamdeq.evaluation.protocol.rows import make_rows
        from streamdeq.evaluation.protocol.run import evaluate
        from streamdeq.evaluation.protocol.settings import Settings

        dataset = open_labelled(str(data), split, self.spec.task, lambda line: None)
        after = tuple(offsets) if offsets is not None else usual_offsets(dataset)
        evaluation = evaluate(self, dataset, Settings(tuple(iterations), offsets=after))
        return Scores(make_rows(evaluation, resamples))

    def train(
        self,
        data: str | os.PathLike[str],
        *,
        steps: int | None = None,
        out: str | os.PathLike[str] | None = None,
        recipe: str | None = None,
        val: str | None = None,
        settings: Sequence[str] = (),
    ) -> Self:
        """A new model, trained on `data` from this one's weights, as `streamdeq train --init`.

        Args:
            steps: optimiser steps; the recipe's if None.
            out: the run's folder; a new one below `runs` if None. `streamdeq train --resume` goes on with it.
            recipe: by name; that of this model if None.
            val: a split to score on meanwhile.
            settings: changes to the recipe, `optimizer.lr=2e-4`.

        Raises:
            StreamdeqError: the data are for another task, a setting does not exist, the model names no recipe.
        """
        from streamdeq.data.labels import open_labelled
        from streamdeq.training import session
        from streamdeq.training.loop import run_training
        from streamdeq.training.recipes import RECIPES
        from streamdeq.training.run import WEIGHTS, RunSettings
        from streamdeq.training.trainer import Trainer

        made = RECIPES[recipe] if recipe else self._recipe()
        made = override(made, list(settings))
        made = replace(made, init=None if self.origin is None else str(self.origin))
        made = made if steps is None else replace(made, steps=steps)
        folder = _unused(Path("runs") / made.name) if out is None else Path(out)
        dataset = open_labelled(str(data), made.split, made.task, lambda line: None)
        scored = None if val is None else open_labelled(str(data), val, made.task, lambda line: None)
        device = self.functions.device
        with session.held(folder):
            run = RunSettings(folder, str(data), device, validation=scored)
            trainer = Trainer.build(made, dataset, run)
            with closing(session.start(trainer)) as log:
                run_training(trainer, log)
        return type(self).load(folder / WEIGHTS, str(device))

    def streams(
        self,
        count: int,
        iterations: int | None = None,
        *,
        solver: str | None = None,
        start: str = StartFrom.PREVIOUS,
        size: WorkingSize = None,
        runtime: str = EAGER,
    ) -> Streams:
        """So many videos at once, computed together: call it with a list of a frame for each.

        Raises:
            StreamdeqError: an option that is out of range, or the model looks at instances.
        """
        if self.task.joins:
            raise StreamdeqError(f"{self.spec.task} follows instances; give each video a stream of its own")
        if start not in (StartFrom.PREVIOUS, StartFrom.ZEROS):
            raise StreamdeqError(f"several videos start from 'previous' or 'zeros', got '{start}'")
        chosen = StreamOptions(iterations, solver=solver, start=start, size=size, runtime=runtime)
        made = make_solver(solver or self.spec.solver, self.iterations(chosen))
        evaluations = made.evaluations(self.iterations(chosen))
        engine = self.engine(made, size, runtime)
        keep = start != StartFrom.ZEROS
        return Streams(engine, count, evaluations, keep=keep, finish=partial(self._finished, None))

    def push_to_hub(
        self,
        repo: str,
        *,
        revision: str | None = None,
        private: bool | None = None,
        message: str | None = None,
        card: bool | None = None,
        token: str | None = None,
    ) -> str:
        """Put the weights into a repository of the Hugging Face Hub, `owner/name`, with a card made from their
        description (extra `hub`).

        Args: as for `streamdeq.models.hub.push`.

        Returns:
            the address of the commit, for `load`.

        Raises:
            StreamdeqError: the model came from no file; not logged in, no right to write, no connection.
        """
        from streamdeq.models import hub

        if self.origin is None:
            raise StreamdeqError(f"model '{self.spec.name}' came from no file: save its weights, load and push those")
        return hub.push(self.origin, repo, revision=revision, private=private, message=message, card=card, token=token)

    # -- inside ------------------------------------------------------------------------------------------

    def _recipe(self) -> "Recipe":
        from streamdeq.training.recipe import Recipe

        told = self.spec.provenance.recipe
        if not told:
            raise StreamdeqError(f"model '{self.spec.name}' does not say how it was trained: name a recipe")
        return from_plain(Recipe, dict(told))

    def _predict(
        self,
        source: Any,
        iterations: int | None,
        stream: bool,
        video: bool | None,
        keep: bool,
        choice: Choice,
        boxes: Boxes,
        bgr: bool,
        options: Options,
    ) -> Any:
        sources = source if _several(source) else [source]
        opened = [_opened(one, bgr) for one in sources]
        if not stream and any(one.live for one in opened):
            raise StreamdeqError(f"{opened[0].name} has no end: ask for an answer at a time, stream=True")

        def answers() -> Iterator[Any]:
            for one in opened:
                follows = not (one.kind in PICTURES or _in_memory(source)) if video is None else video
                yield from self._answers(one, follows, iterations, choice, boxes, options, keep and not stream)

        return answers() if stream else list(answers())

    def _answers(
        self,
        source: Source,
        follows: bool,
        iterations: int | None,
        choice: Choice,
        boxes: Boxes,
        options: Options,
        keep: bool,
    ) -> Iterator[Any]:
        chosen: Options = {**options}
        if not follows:
            chosen.setdefault("start", "zeros")
            iterations = self.spec.reference_solve.iterations if iterations is None else iterations
        wanted = choice if self.task.locates or choice != Choice() or boxes is not None else None
        with self.stream(iterations, boxes=boxes, choice=wanted, **chosen) as stream:
            for result in stream.run(source):
                yield result if follows and not keep else result.kept()


def _unused(folder: Path) -> Path:
    """It, or the first of NAME-2, NAME-3, … that is not there."""
    names = (folder if n == 1 else folder.with_name(f"{folder.name}-{n}") for n in count(1))
    return next(name for name in names if not name.exists())


def _in_memory(source: Any) -> bool:
    """A picture, or a number of them that is known: no generator."""
    return isinstance(source, list | tuple | np.ndarray | Tensor | Image.Image)


def _several(source: Any) -> bool:
    """Whether it is a list of sources rather than one; pictures in a list are one."""
    return isinstance(source, list | tuple) and any(isinstance(one, str | os.PathLike | int) for one in source)


def _opened(source: Any, bgr: bool) -> Source:
    if isinstance(source, str | int | os.PathLike | Source):
        return open_source(source)
    if isinstance(source, Image.Image) or (isinstance(source, np.ndarray | Tensor) and source.ndim < 4):
        return open_source([as_rgb(source, bgr=bgr)])
    if not isinstance(source, Iterable):
        raise StreamdeqError(f"no picture, video, folder or address: {source!r}")
    return open_source(as_rgb(image, bgr=bgr) for image in source)


def load(name_or_path: str | os.PathLike[str], device: str = "auto", precision: str = "auto") -> Model:
    """As `Model.load` of `streamdeq.api`, with the verbs."""
    return Model.load(name_or_path, device, precision)
