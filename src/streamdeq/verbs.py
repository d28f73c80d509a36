"""What is done with a model in one call: predict, track, val, train. `streamdeq.load` gives a model that has them.

Pictures are answered each by itself, from zeros; the frames of a video are streamed. Everything here is made of what
lies below: `Model.stream`, the evaluation, the training.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack, overload

from streamdeq import api
from streamdeq.api import Boxes
from streamdeq.errors import StreamdeqError
from streamdeq.models import zoo
from streamdeq.runtime.switching import EAGER
from streamdeq.solvers import make_solver
from streamdeq.streaming.options import Options, StartFrom, StreamOptions, WorkingSize
from streamdeq.streaming.several import Streams
from streamdeq.streaming.stream import R
from streamdeq.values.choice import Choice
from streamdeq.video import Source
from streamdeq.video.given import in_memory, opened, several

if TYPE_CHECKING:  # evaluation and training, which bring torchvision, are imported by who asks for them
    from streamdeq.evaluation.protocol.scores import Scores
    from streamdeq.tasks.depth.result import Depth
    from streamdeq.tasks.detection.result import Detections
    from streamdeq.tasks.pose.result import Poses
    from streamdeq.tasks.segmentation.result import Segmentation

#: Kinds of sources whose frames have nothing to do with one another.
PICTURES = ("image", "images")


class TrackOptions(Options, total=False):
    """The keywords of `track` besides `stream`."""

    keep: bool
    conf: float | None
    classes: Sequence[str]
    boxes: Boxes
    bgr: bool


class PredictOptions(TrackOptions, total=False):
    """The keywords of `predict` besides `stream`."""

    video: bool | None


class Model(api.Model[R]):
    """A model with the verbs of one call."""

    @overload
    def predict(
        self,
        source: Any,
        iterations: int | None = None,
        *,
        stream: Literal[False] = ...,
        **more: Unpack[PredictOptions],
    ) -> list[R]: ...

    @overload
    def predict(
        self, source: Any, iterations: int | None = None, *, stream: Literal[True], **more: Unpack[PredictOptions]
    ) -> Iterator[R]: ...

    @overload
    def predict(
        self, source: Any, iterations: int | None = None, *, stream: bool, **more: Unpack[PredictOptions]
    ) -> list[R] | Iterator[R]: ...

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

    @overload
    def track(
        self,
        source: Any,
        iterations: int | None = None,
        *,
        stream: Literal[False] = ...,
        **more: Unpack[TrackOptions],
    ) -> list[R]: ...

    @overload
    def track(
        self, source: Any, iterations: int | None = None, *, stream: Literal[True], **more: Unpack[TrackOptions]
    ) -> Iterator[R]: ...

    @overload
    def track(
        self, source: Any, iterations: int | None = None, *, stream: bool, **more: Unpack[TrackOptions]
    ) -> list[R] | Iterator[R]: ...

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
    ) -> "Scores":
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
        from streamdeq.evaluation.protocol.scores import Scores
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
        epochs: float | None = None,
        out: str | os.PathLike[str] | None = None,
        recipe: str | None = None,
        val: str | None = None,
        settings: Sequence[str] = (),
        say: Callable[[str], None] = lambda line: None,
    ) -> Self:
        """A new model, fine-tuned on `data` from this one's weights, as `streamdeq train --init` without a recipe.

        Args:
            steps: optimiser steps; as many as suit the number of pictures if None.
            epochs: instead, how often each picture is seen.
            out: the run's folder; a new one below `runs` if None. `streamdeq train --resume` goes on with it.
            recipe: by name, to be followed to the letter; None for what suits the data.
            val: a split to score on meanwhile; one that the data have, or a part held out, if None; "none" for none.
            settings: changes to the recipe, `optimizer.lr=2e-4`.
            say: told what is chosen, how the score goes, what is odd.

        Raises:
            StreamdeqError: something is wrong with the data, a setting does not exist, this model has no weights file.
        """
        from streamdeq.training import job, session
        from streamdeq.training.options import TrainOptions
        from streamdeq.training.parallel import Ranks

        if self.origin is None:
            raise StreamdeqError(f"model '{self.spec.name}' was made in memory: save it, and load that to train on")
        device, origin = self.functions.device, Path(self.origin)
        init = zoo.name_of(origin) or str(origin)
        options = TrainOptions(
            data=str(data), out=None if out is None else Path(out), init=init, eval_split=val, epochs=epochs
        )
        changes = [*settings] if steps is None else [*settings, f"steps={steps}"]
        made = job.prepare(options, recipe, changes, say=say)
        with session.held(made.folder):
            job.train(made, made.settings(Ranks(device=device), say=say))
        return type(self).load(made.folder, str(device))

    def streams(
        self,
        count: int,
        iterations: int | None = None,
        *,
        solver: str | None = None,
        start: str = StartFrom.PREVIOUS,
        size: WorkingSize = None,
        runtime: str = EAGER,
    ) -> Streams[R]:
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
        sources = source if several(source) else [source]
        given = [opened(one, bgr) for one in sources]
        if not stream and any(one.live for one in given):
            raise StreamdeqError(f"{given[0].name} has no end: ask for an answer at a time, stream=True")

        def answers() -> Iterator[Any]:
            for one in given:
                follows = not (one.kind in PICTURES or in_memory(source)) if video is None else video
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
            result: Any
            for result in stream.run(source):
                yield result if follows and not keep else result.kept()


@overload
def load(name_or_path: zoo.Segmenters, device: str = "auto", precision: str = "auto") -> "Model[Segmentation]": ...


@overload
def load(name_or_path: zoo.Detectors, device: str = "auto", precision: str = "auto") -> "Model[Detections]": ...


@overload
def load(name_or_path: zoo.PoseModels, device: str = "auto", precision: str = "auto") -> "Model[Poses]": ...


@overload
def load(name_or_path: zoo.DepthModels, device: str = "auto", precision: str = "auto") -> "Model[Depth]": ...


@overload
def load(name_or_path: str | os.PathLike[str], device: str = "auto", precision: str = "auto") -> Model[Any]: ...


def load(name_or_path: str | os.PathLike[str], device: str = "auto", precision: str = "auto") -> Model[Any]:
    """As `Model.load` of `streamdeq.api`, with the verbs.

    A type checker knows the answers of packaged models; those of a file are what you say: `model: Model[Detections]`.
    """
    return Model.load(name_or_path, device, precision)
