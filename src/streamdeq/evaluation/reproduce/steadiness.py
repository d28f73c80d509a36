"""How restless streamed answers are, and how soon they are right again after a cut."""

from collections.abc import Sequence
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.cuts.cases import FRAMES, LEAD, CutCase, cases_between, cases_of
from streamdeq.evaluation.cuts.clips import CutClip
from streamdeq.evaluation.cuts.recovery import recover
from streamdeq.evaluation.flicker import flicker, still_masks
from streamdeq.evaluation.reproduce.item import Work
from streamdeq.evaluation.reproduce.latents import Measured
from streamdeq.solvers import make_solver
from streamdeq.streaming.cut import FromZeros, KeepGoing
from streamdeq.streaming.loop import run_clip
from streamdeq.values.frame import Frame

#: What is done about a cut, in the words of `run`.
RESPONSES = {"nothing": KeepGoing(0), "3 steps more": KeepGoing(3), "from zeros, 3 steps more": FromZeros(3)}
#: Frames at the start of a clip that are streamed and not counted.
BEGINNING = 10


def restlessness(work: Work) -> dict[str, Any]:
    """`flicker`: of the pixels that stand still between two frames those whose label flips, streaming and every frame
    from zeros, over iterations; mean over clips."""
    measured = work.one
    if not measured.model.task.label_maps:
        raise StreamdeqError(f"flicker is of label maps; {measured.model.spec.task} has none")
    clips = [clip for clip in measured.dataset.clips if len(clip) > BEGINNING + 1]
    if not clips:
        raise StreamdeqError(f"expected a clip of more than {BEGINNING + 1} frames, found none")
    clips, counts = clips[: work.settings.clips], work.settings.counts()
    lines: dict[str, Any] = {}
    for name, keep in (("streaming", True), ("from zeros", False)):
        values = [_flicker_of(work, clips, count, keep) for count in counts]
        lines[name] = {"x": list(counts), "value": values, "clips": len(clips)}
    return {"lines": lines, "metric": "flicker, % of still pixels"}


def _flicker_of(work: Work, clips: Sequence[Any], count: int, keep: bool) -> float | None:
    measured, found = work.one, []
    engine = measured.model.engine(make_solver(measured.model.spec.solver, count), measured.size)
    for clip in clips:
        images = [clip.image(t) for t in range(min(len(clip), work.settings.frames or len(clip)))]
        pictures = [Frame(image, t, t / clip.fps) for t, image in enumerate(images)]
        row = engine.open()
        answers = run_clip(engine, row, pictures, engine.solver.evaluations(count), keep=keep, skip=BEGINNING)
        found.append(flicker(still_masks(images)[BEGINNING:], answers))
        engine.close(row)
        work.done()
    known = [value for value in found if value is not None]
    return sum(known) / len(known) if known else None


def recovery(work: Work) -> dict[str, Any]:
    """After a cut from another film: accuracy over the frames of the new shot by what is done about the cut, and
    without one. Where too few neighbouring frames are labelled, agreement with the converged answer."""
    measured = work.one
    cases, scored = _cases(measured, work.settings.seed)
    lines: dict[str, Any] = {}
    for count in work.settings.counts((1, 2)):
        curves = recover(measured.model, cases, count, tuple(RESPONSES.values()), work.done)
        for name, curve in zip(("no cut", *RESPONSES), curves, strict=True):
            points = [None if value != value else value for value in curve.points]
            frames = list(range(len(points)))
            lines[f"{count}: {name}"] = {"x": frames, "value": points, "dashed": name == "no cut"}
    return {"lines": lines, "metric": scored, "cuts": len(cases)}


def _cases(measured: Measured, seed: int) -> tuple[list[CutCase], str]:
    try:
        found = cases_between(measured.dataset, measured.dataset, seed=seed)
        return found, measured.model.task.metric().name
    except StreamdeqError:
        clips = [clip for clip in measured.dataset.clips if len(clip) >= LEAD]
        if len(clips) < 2:
            raise
        found = []
        for own, other in zip(clips, [*clips[1:], clips[0]], strict=True):
            before = [other.image(t) for t in range(LEAD)]
            after = [own.image(t) for t in range(min(FRAMES, len(own)))]
            found += cases_of(CutClip(own.name, (*before, *after), (LEAD,)))
        return found, "agreement with the converged answer, %"
