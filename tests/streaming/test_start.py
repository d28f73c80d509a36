"""Where frames begin, by the paper's equations, on a map whose fixed point is known: z* = 2x, and k steps halve k times
what is left of the way there."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.small_models import (
    Contraction,
    StubModel,
    distance,
    engine_of,
    frames,
    network_functions,
    tiny_model,
    tiny_spec,
)

from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.spec import ModelSpec, Provenance, ReferenceSolve
from streamdeq.solvers import Broyden, Evaluations, make_solver, solve
from streamdeq.streaming.cut import CutDetector
from streamdeq.streaming.loop import run_frames, run_steps
from streamdeq.streaming.options import StartFrom, StreamOptions
from streamdeq.streaming.start import Begin, Reference, fitted
from streamdeq.values.frame import Frame
from streamdeq.values.status import Start

CLIP = frames(4)
#: Iterations of the reference: 2⁻¹² of the way is left.
LONG = 12


def contraction_model(reference: ReferenceSolve = ReferenceSolve("picard", LONG)) -> StubModel:  # noqa: B008 (frozen)
    spec = ModelSpec("half", "none", Architecture((8, 8), groups=2), (), (), size=32, reference=reference)
    return StubModel(Contraction(), spec)


def x_of(frame: Frame) -> Latent:
    picture = torch.from_numpy(frame.image).permute(2, 0, 1)[None]
    maps = Contraction().inject(picture, frame.image.shape[:2])
    return Latent(tuple(m for m in maps if m is not None))


def after(z: Latent, frame: Frame, steps: int) -> Latent:
    """z* + 2⁻ᵏ (z − z*)"""
    target = x_of(frame) * 2.0
    return target + (z - target) * 0.5**steps


def zeros() -> Latent:
    return x_of(CLIP[0]) * 0.0


def expected(start: str, steps: int, other: Frame) -> list[Latent]:
    solved = [after(zeros(), frame, LONG) for frame in CLIP]
    if start == "zeros":
        return [after(zeros(), frame, steps) for frame in CLIP]
    if start == "reference-each":
        return [solved[0], *(after(z, frame, steps) for z, frame in zip(solved, CLIP[1:], strict=False))]
    if start == "reference":
        answers = solved[:1]
    else:
        begun = after(zeros(), other, LONG) if start == "other" else zeros()
        answers = [after(begun, CLIP[0], steps)]
    for frame in CLIP[1:]:
        answers.append(after(answers[-1], frame, steps))
    return answers


@pytest.mark.parametrize("start", [str(start) for start in StartFrom])
def test_every_start_gives_what_its_equation_says(start):
    model, other = contraction_model(), frames(1, seed=7)[0]
    with model.stream(iterations=2, start=start, start_from=other.image if start == "other" else None) as stream:
        answers = [stream(frame.image) for frame in CLIP]
    for answer, wanted in zip(answers, expected(start, 2, other), strict=True):
        assert distance(answer.z, wanted) < 1e-12
    long_first = start.startswith("reference")
    assert [answer.status.nfe for answer in answers] == [LONG if long_first else 2, 2, 2, 2]
    begun = {"zeros": "cold cold cold cold", "other": "warm warm warm warm"}
    assert " ".join(answer.status.start for answer in answers) == begun.get(start, "cold warm warm warm")


@pytest.mark.parametrize("start", [str(start) for start in StartFrom])
def test_many_rows_begin_together_as_each_does_alone(start):
    model, other = contraction_model(), frames(1, seed=7)[0]
    engine = model.engine(Broyden(2))
    begin = Begin(StartFrom(start), Reference.of(model.spec.reference_solve))
    clips, rows = [CLIP, frames(4, seed=5)], [engine.open(), engine.open()]
    alone = [engine.open(), engine.open()]
    for t in range(4):
        others = [other.image if start == "other" and t == 0 else None] * 2
        together = begin.run(engine, rows, [clip[t] for clip in clips], 3, others=others)
        for n, answer in enumerate(together):
            [single] = begin.run(engine, alone[n : n + 1], [clips[n][t]], 3, others=others[:1])
            assert distance(answer.z, single.z) < 1e-12
            assert answer.status.nfe == single.status.nfe


def test_a_reference_has_memory_for_all_of_its_iterations_whatever_the_frames_have():
    """27 pairs where a frame has 1: the solve is the one that a solver of 27 pairs makes by itself, to the bit."""
    described = ReferenceSolve("broyden", 27)
    model, still = contraction_model(described), CLIP[0]
    with model.stream(iterations=1, solver="broyden", start="reference") as stream:
        first = stream(still.image)
        [pool] = stream.state.engine._pools.values()
        assert pool.gather([0]).state.memory.length.shape[1] == 28  # of 27 pairs, and the last step
        stream(CLIP[1].image)
        [pool] = stream.state.engine._pools.values()
        assert pool.gather([0]).state.memory.length.shape[1] == 2  # and what is longer is given back
    inject = Contraction().inject(torch.from_numpy(still.image).permute(2, 0, 1)[None], still.image.shape[:2])
    alone = solve(lambda z: Contraction().step(z, inject), Broyden(27), zeros(), Evaluations(28))
    assert all(torch.equal(a, b) for a, b in zip(first.z.maps, alone.answer.maps, strict=True))
    assert first.status.iterations == 27


class AlwaysCut(CutDetector):
    """Takes every frame but the first for the first of a shot."""

    def update(self, value, evidence):
        return value, evidence.start is Start.WARM


@pytest.mark.parametrize("solver", ["broyden", "broyden+free"])
def test_a_solve_that_gets_more_memory_goes_on_as_if_it_had_had_it_from_the_first(solver):
    functions, stride = network_functions()
    small, large = make_solver(solver, 1), make_solver(solver, 6)
    engine, ample = (engine_of(functions, one, None, stride) for one in (small, large))
    row, mate, wanted = engine.open(), engine.open(), ample.open()
    run_frames(engine, [row, mate], CLIP[:2], 1, read=())
    engine.extend(row, large)
    [found] = run_steps(engine, [row], 6)
    [known] = run_frames(ample, [wanted], CLIP[:1], 7)
    assert distance(found.z, known.z) < 1e-12
    assert found.status.iterations == known.status.iterations == 6
    run_frames(engine, [row, mate], CLIP[2:4], 2, read=())  # both in one pool again
    assert len(engine._pools) == 1


@pytest.mark.parametrize("on_cut", ["continue", "zeros"])
def test_a_cuts_frame_has_memory_for_its_extra_iterations(on_cut):
    model = tiny_model()
    state = model.begin(StreamOptions(1, "broyden", on_cut=on_cut, cut_iterations=5))
    state = replace(state, cuts=replace(state.cuts, detector=AlwaysCut()))
    _, state = model.step(CLIP[0], state)
    result, state = model.step(CLIP[1], state)
    assert result.status.cut
    assert result.status.nfe == (7 if on_cut == "continue" else 8)  # where it starts from zeros one is lost
    assert state.engine.content(state.row).state.memory.length.shape[1] == 7


def test_a_reset_stream_is_solved_to_the_reference_again():
    with contraction_model().stream(iterations=1, start="reference-each") as stream:
        counts = []
        for n, frame in enumerate(CLIP):
            if n == 2:
                stream.reset()
            counts.append(stream(frame.image).status.nfe)
    assert counts == [LONG, 1, LONG, 1]


def test_the_picture_to_start_from_and_that_start_go_together():
    model = contraction_model()
    for options in ({"start": "other"}, {"start_from": CLIP[0].image}):
        with pytest.raises(StreamdeqError, match="go together"):
            model.stream(**options)


def test_a_picture_of_other_proportions_gives_its_middle():
    image = np.zeros((10, 40, 3), np.uint8)
    image[:, 10:30] = 200
    assert np.all(fitted(image, (5, 10)) == 200)
    assert fitted(image, (20, 20)).shape == (20, 20, 3)
    assert fitted(image, (10, 40)) is image


def described(solver: str, task: str = "segmentation", **provenance) -> ReferenceSolve:
    spec = tiny_spec(Architecture((8,), groups=2))
    made = ModelSpec(spec.name, task, spec.architecture, spec.classes, spec.palette, 32, solver=solver)
    return made.with_provenance(**provenance).reference_solve


def test_the_reference_of_a_file_that_names_none_is_the_papers_for_its_task_and_training():
    assert described("broyden") == ReferenceSolve("broyden", 27)
    for task in ("detection", "pose", "classification"):
        assert described("broyden", task) == ReferenceSolve("broyden", 26)
    assert described("picard", recipe={"unroll": {"kind": "Fixed", "n": 20}}) == ReferenceSolve("picard", 20)
    assert described("picard") == ReferenceSolve("picard", 20)
    varied = {"recipe": {"unroll": {"kind": "Uniform", "low": 1, "high": 14}}}
    assert described("picard", **varied) == ReferenceSolve("picard", 20)
    scored = {"mIoU val single 4": 61.0, "mIoU val single 14": 63.0, "mIoU val single 20": 63.0}
    assert described("picard", **varied, metrics=scored).iterations == 14
    told = {"AbsRel val single 2": 20.0, "AbsRel val single 8": 16.0, "AbsRel val streaming at 1": 9.0}
    assert described("picard", **varied, metrics=told).iterations == 8
    assert described("picard", **varied, metrics={"mIoU val single-frame (4 iterations)": 63.0}).iterations == 4


def test_a_reference_is_in_the_description_and_comes_back():
    spec = contraction_model().spec
    assert ModelSpec.from_json(spec.to_json()) == spec
    assert Provenance().best_count is None
    with pytest.raises(StreamdeqError, match="1 to 1000 iterations"):
        ReferenceSolve("picard", 0)


def test_a_saved_stream_goes_on_without_the_picture_it_began_from(tmp_path):
    model = tiny_model()
    result, state = model.step(CLIP[0], model.begin(StreamOptions(2, start=StartFrom.OTHER), start_from=CLIP[3].image))
    assert result.status.start == "warm"
    state.save(tmp_path / "state.safetensors")
    restored = model.restore(tmp_path / "state.safetensors")
    wanted, _ = model.step(CLIP[1], state)
    found, _ = model.step(CLIP[1], restored)
    assert np.array_equal(found.labels, wanted.labels)
