"""Accuracy while a clock decides: so many milliseconds per frame, and answers that take time while frames arrive."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from time import perf_counter
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.latency import WARM_UP, some_images
from streamdeq.evaluation.protocol.plan import Sample
from streamdeq.evaluation.realtime import Duration, Finished, Pace, in_force, timeline
from streamdeq.evaluation.reproduce.accuracy import Tally, drawn
from streamdeq.evaluation.reproduce.item import Work
from streamdeq.evaluation.reproduce.latents import Measured
from streamdeq.solvers import make_solver
from streamdeq.streaming.loop import run_frames, run_steps
from streamdeq.values.frame import Frame

#: Steps of a frame at the most.
CAP = 20
#: Budgets, in times of a step and all that is around the steps.
BUDGETS = (1.5, 2.0, 3.0, 6.0, 12.0)
#: How many times as slow the machine is made to be: 2 halves it.
SLOWER = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
#: Frames that durations are drawn from.
TIMED = 30


def by_budget(work: Work) -> dict[str, Any]:
    """`budget`: clips streamed on this machine with so many milliseconds per frame (`--budget-ms`) and at the frame
    rate that they make (`--target-fps`), every labelled frame scored. Steps are means per frame."""
    measured, settings = work.one, work.settings
    seconds = _durations(measured, "streaming")
    frame_ms = 1000 * float(np.median(seconds["step"]) + np.median(seconds["prepare"]) + np.median(seconds["answer"]))
    budgets = settings.budgets_ms or tuple(round(times * frame_ms, 1) for times in BUDGETS)
    lines, metric = {}, ""
    options: dict[str, Callable[[float], dict[str, Any]]] = {
        "streaming, by budget": lambda ms: {"budget_ms": ms},
        "streaming, by frame rate": lambda ms: {"target_fps": 1000 / ms},
        "from zeros, by budget": lambda ms: {"budget_ms": ms, "start": "zeros"},
    }
    for name, option in options.items():
        tally, steps = Tally.empty(measured), []
        samples = [sample for budget in budgets for sample in _clocked(work, tally, budget, option(budget), steps)]
        of_line = tally.line(drawn(work, sorted(set(samples))))
        lines[name], metric = {**of_line, "steps": steps}, tally.metric
    return {"lines": lines, "metric": metric, "frame_ms_at_one_step": frame_ms}


def _clocked(work: Work, tally: Tally, budget: float, options: dict[str, Any], steps: list[float]) -> list[Sample]:
    measured, taken, scored = work.one, list[int](), list[Sample]()
    for number, clip in enumerate(measured.dataset.clips[: work.settings.clips]):
        if not clip.labelled:
            continue
        with measured.model.stream(CAP, size=measured.size, **options) as stream:
            for t in range(max(clip.labelled) + 1):
                result = stream.step(measured.frames.frame(Sample(number, t)))
                taken.append(result.status.iterations)
                if t in clip.labelled:
                    tally.add(budget, Sample(number, t), result)
                    scored.append(Sample(number, t))
                work.done()
    if not scored:
        raise StreamdeqError(f"expected labelled frames in split '{measured.dataset.split}', found none")
    steps.append(sum(taken) / len(taken))
    return scored


def held(work: Work) -> dict[str, Any]:
    """`latency`: every labelled frame paired with the latest answer finished by its time, over how slow the machine is.

    Durations are drawn from those measured here, so that a run says the same again for the same ones. Ours publishes
    after every step, and takes a further one where there is time for it before the next frame; from zeros there is an
    answer at the end of the reference's iterations, and a peer has one after its network.
    """
    measured, settings = work.one, work.settings
    clips = {
        n: clip for n, clip in enumerate(measured.dataset.clips[: settings.clips]) if max(clip.labelled, default=0)
    }
    if not clips:
        raise StreamdeqError("expected labelled frames after the first of their clips, found none")
    rates = {number: settings.fps or clip.fps for number, clip in clips.items()}
    contestants = _contestants(work)
    made: dict[tuple[str, float, int], list[Finished]] = {}
    for (name, paced, _), slower, (number, clip) in product(contestants, SLOWER, clips.items()):
        pace = paced(slower, np.random.default_rng((settings.seed, number)))
        made[name, slower, number] = timeline(max(clip.labelled) + 1, rates[number], pace)
    # Those that everybody has an answer for: before the first there is nothing to score.
    first = {number: max(made[key][0].at_s for key in made if key[2] == number) for number in clips}
    scored = {n: [t for t in clip.labelled if t / rates[n] >= first[n]] for n, clip in clips.items()}
    samples = [Sample(number, t) for number in clips for t in scored[number]]
    if not samples:
        raise StreamdeqError("expected labelled frames after the slowest has its first answer, found none; give --fps")
    draws, lines, metric = drawn(work, samples), {}, ""
    for name, _, run in contestants:
        tally, ages = Tally.empty(measured), list[float]()
        for slower in SLOWER:
            old = []
            for number, labelled in scored.items():
                found = made[name, slower, number]
                wanted = [(t, one) for t, one in in_force(found, rates[number], labelled) if one is not None]
                answers = run(number, found, {one for _, one in wanted})
                for t, one in wanted:
                    tally.add(slower, Sample(number, t), answers[one])
                    old.append((t - one.frame) / rates[number])
                work.done()
            ages.append(1000 * float(np.mean(old)))
        lines[name], metric = tally.line(draws, age_ms=ages), tally.metric
    return {"lines": lines, "metric": metric, "fps": sorted(set(rates.values())), "frames": len(samples)}


#: From how many times as slow, and what is drawn by, to a pace.
Paced = Callable[[float, np.random.Generator], Pace]
#: From a clip's number, all answers that are computed and those that are wanted to the latter's results.
Run = Callable[[int, Sequence[Finished], set[Finished]], dict[Finished, Any]]


def _contestants(work: Work) -> list[tuple[str, Paced, Run]]:
    measured, most = work.one, max(work.settings.counts())
    reference = measured.iterations
    alone = partial(_run, measured, reference, False)
    streaming, zeros = _durations(measured, "streaming"), _durations(measured, "zeros")
    found: list[tuple[str, Paced, Run]] = [
        (f"streaming, up to {most}", partial(_pace, streaming, most, True), partial(_run, measured, most, True)),
        ("streaming, 1", partial(_pace, streaming, 1, True), partial(_run, measured, 1, True)),
        (
            f"from zeros, {reference}",
            partial(_pace, zeros, reference, False),
            alone,
        ),
    ]
    for peer in work.peers:
        seconds = {"prepare": [0.0], "answer": [0.0], "step": _seconds_of(peer, measured)}

        def run(clip: int, made: Sequence[Finished], wanted: set[Finished], peer: Any = peer) -> dict[Finished, Any]:
            return {one: peer.answer(measured.frames.frame(Sample(clip, one.frame)).image) for one in wanted}

        found.append((peer.name, partial(_pace, seconds, 1, False), run))
    return found


def _pace(seconds: dict[str, list[float]], most: int, anytime: bool, slower: float, rng: np.random.Generator) -> Pace:
    def draws(kind: str) -> Duration:
        return lambda: slower * float(rng.choice(seconds[kind]))

    further = slower * float(np.median(seconds["step"]) + np.median(seconds["answer"]))
    return Pace(draws("prepare"), draws("step"), draws("answer"), most, anytime, further)


def _run(
    measured: Measured, most: int, keep: bool, clip: int, made: Sequence[Finished], wanted: set[Finished]
) -> dict[Finished, Any]:
    """The answers that are wanted, of a stream over the frames that were taken."""
    engine = measured.model.engine(make_solver(measured.model.spec.solver, most), measured.size)
    row, answers, had = engine.open(), dict[Finished, Any](), (-1, 0)
    for one in made:
        if one.frame != had[0]:
            engine.observe([row], [measured.frames.frame(Sample(clip, one.frame))], keep=keep)
            had = one.frame, 0
        before, after = (engine.solver.evaluations(n) if n else 0 for n in (had[1], one.steps))
        result = run_steps(engine, [row], after - before, read=None if one in wanted else ())
        had = one.frame, one.steps
        if one in wanted:
            [answers[one]] = result
    engine.close(row)
    return answers


def _durations(measured: Measured, start: str) -> dict[str, list[float]]:
    """Seconds of a frame's parts, frame by frame: prepare, one step, answer."""
    engine = measured.model.engine(make_solver(measured.model.spec.solver, 1), measured.size)
    row, seconds = engine.open(), defaultdict[str, list[float]](list)
    for n, image in enumerate(some_images(measured.dataset, TIMED + WARM_UP)):
        marks = [perf_counter()]

        def note(step: int, marks: list[float] = marks) -> None:
            engine.functions.wait()
            marks.append(perf_counter())

        run_frames(engine, [row], [Frame(image, n, 0.0)], 1, keep=start == "streaming", on_step=note)
        marks.append(perf_counter())
        if n >= WARM_UP:
            for kind, begin, end in zip(("prepare", "step", "answer"), marks, marks[1:], strict=False):
                seconds[kind].append(end - begin)
    engine.close(row)
    return dict(seconds)


def _seconds_of(peer: Any, measured: Measured) -> list[float]:
    seconds = []
    for image in some_images(measured.dataset, TIMED + WARM_UP):
        began = perf_counter()
        peer.answer(image)
        seconds.append(perf_counter() - began)
    return seconds[WARM_UP:]
