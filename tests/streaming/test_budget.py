"""Budgets decide from what was measured, and from nothing else: a clock that the test holds."""

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.small_models import LONG, Contraction, engine_of, frames, tiny_model

from streamdeq.errors import StreamdeqError
from streamdeq.models.architecture import Architecture
from streamdeq.solvers import Picard
from streamdeq.streaming.advance import advance
from streamdeq.streaming.budget import AnswerTolerance, Budget, FixedBudget, Progress, ResidualTolerance
from streamdeq.streaming.cut import make_cut_policy
from streamdeq.streaming.options import StreamOptions
from streamdeq.streaming.state import StreamState
from streamdeq.streaming.timing import Deadline, TargetFps
from streamdeq.values.status import Stop


@dataclass
class Machine:
    """A fake machine: what inject, step and head cost here, in seconds, and the clock they move."""

    inject_s: float = 0.010
    step_s: float = 0.010
    head_s: float = 0.005
    now_s: float = field(default=0.0)

    def frame(self, budget: Budget, value: Any) -> tuple[int, float, Stop, Any]:
        """One frame under a budget: (steps, seconds until the answer, why it stopped, new value)."""
        elapsed, steps, stopped = self.inject_s, 0, None
        while stopped is None:
            elapsed, steps = elapsed + self.step_s, steps + 1
            stopped = budget.stop(value, self._progress(steps, elapsed, 0.0))
        elapsed += self.head_s
        return steps, elapsed, stopped, budget.update(value, self._progress(steps, elapsed, self.head_s))

    def _progress(self, steps: int, elapsed: float, head_s: float) -> Progress:
        return Progress(steps, elapsed, self.step_s, head_s, lambda: 0.5, lambda: 0.5)


def run(budget: Budget, machines: list[Machine], value: Any = None) -> list[tuple[int, float, Stop]]:
    value = budget.init() if value is None else value
    told = []
    for machine in machines:
        steps, elapsed, stopped, value = machine.frame(budget, value)
        told.append((steps, elapsed, stopped))
    return told


def test_fixed_takes_its_number_and_says_so():
    assert run(FixedBudget(3), [Machine()] * 2) == [(3, pytest.approx(0.045), Stop.ITERATIONS)] * 2


def test_a_deadline_takes_one_step_first_and_then_fills_the_time():
    told = run(Deadline(seconds=0.100, cap=50), [Machine()] * 60)
    assert told[0][0] == 1
    # 10 ms injection, 5 ms head: 8 steps of 10 ms fit into 100 ms.
    assert told[-1][0] == 8
    assert told[-1][2] is Stop.DEADLINE
    assert all(elapsed <= 0.100 + 1e-9 for _, elapsed, _ in told)


def test_a_deadline_never_gives_less_than_one_step():
    told = run(Deadline(seconds=0.001, cap=50), [Machine()] * 10)
    assert [steps for steps, _, _ in told] == [1] * 10


def test_a_deadline_takes_fewer_steps_under_load_and_more_after_it():
    calm, loaded = Machine(), Machine(inject_s=0.015, step_s=0.025, head_s=0.010)
    told = run(Deadline(seconds=0.100, cap=50), [calm] * 60 + [loaded] * 60 + [calm] * 60)
    steps = [n for n, _, _ in told]
    assert max(steps[65:120]) <= 3 < steps[59]
    assert steps[-1] == steps[59]
    # The load comes unannounced, so the first loaded frames may be late; from then on none is.
    late = [t for t, (_, elapsed, _) in enumerate(told) if elapsed > 0.100]
    assert all(60 <= t < 63 for t in late)


def test_the_cap_bounds_a_deadline():
    told = run(Deadline(seconds=10.0, cap=4), [Machine()] * 5)
    assert told[-1] == (4, pytest.approx(0.055), Stop.ITERATIONS)


def test_target_fps_rises_slowly_falls_at_once_and_does_not_oscillate():
    budget = TargetFps(fps=10, cap=50)
    calm, loaded = Machine(), Machine(step_s=0.030)
    told = run(budget, [calm] * 300 + [loaded] * 40 + [calm] * 300)
    steps = [n for n, _, _ in told]
    rises = [t for t in range(1, 300) if steps[t] > steps[t - 1]]
    assert min(b - a for a, b in itertools.pairwise(rises)) >= budget.patience
    assert len(set(steps[250:300])) == 1  # settled
    assert 4 <= steps[299] <= 8
    assert max(steps[305:340]) < steps[299]
    assert all(elapsed <= 0.1 for _, elapsed, _ in told[310:340])
    assert steps[-1] == steps[299]
    assert len(set(steps[590:])) == 1


def test_target_fps_settles_in_noise_too():
    machines = [Machine(step_s=0.010 * (1.2 if t % 2 else 0.8)) for t in range(400)]
    steps = [n for n, _, _ in run(TargetFps(fps=10, cap=50), machines)]
    assert len(set(steps[300:])) <= 2
    assert sum(a != b for a, b in itertools.pairwise(steps[300:])) <= 2


def state_with(budget: Budget) -> StreamState:
    engine = engine_of(Contraction(), Picard())
    arch, cuts = Architecture((2, 2), groups=2), make_cut_policy()
    return StreamState(
        engine, arch, StreamOptions(), budget, engine.open(), budget.init(), cuts, cuts.detector.init(), *LONG
    )


def test_a_residual_tolerance_stops_at_the_first_residual_below_it():
    # From zeros the relative residual after k steps is 2⁻ᵏ⁺¹/(2 − 2⁻ᵏ⁺¹): 1, 1/3, 1/7, 1/15, 1/31 …
    result, _ = advance(frames(1)[0], state_with(ResidualTolerance(0.05, cap=20)))
    assert (result.status.nfe, result.status.stopped) == (5, Stop.TOLERANCE)
    result, _ = advance(frames(1)[0], state_with(ResidualTolerance(1e-9, cap=7)))
    assert (result.status.nfe, result.status.stopped) == (7, Stop.ITERATIONS)
    result, _ = advance(frames(1)[0], state_with(ResidualTolerance(0.9, cap=20, floor=4)))
    assert (result.status.nfe, result.status.stopped) == (4, Stop.TOLERANCE)


def test_an_answer_tolerance_stops_when_a_step_changes_no_label():
    model = tiny_model()
    image = frames(1)[0].image
    with model.stream(iterations=40, tolerance=0.02, tolerance_of="answer") as stream:
        result = stream(image)
    nfe = result.status.nfe
    assert result.status.stopped is Stop.TOLERANCE
    labels = [model.solve(image, iterations=n) for n in range(1, nfe + 1)]
    changes = [after.change_from(before) for before, after in itertools.pairwise(labels)]
    assert changes[-1] <= 0.02
    assert all(change > 0.02 for change in changes[:-1])


def test_answers_handed_out_early_end_with_the_final_one():
    early = []
    result, _ = advance(frames(1)[0], state_with(FixedBudget(4)), on_update=early.append)
    assert [answer.status.nfe for answer in early] == [1, 2, 3, 4]
    assert result.status.nfe == 4
    assert result.status.stopped is Stop.ITERATIONS


def test_reading_between_steps_by_hand():
    with tiny_model().stream() as stream:
        stream.observe(frames(1)[0].image)
        seen = []
        for _ in range(3):
            stream.iterate()
            seen.append(stream.read().status.nfe)
    assert seen == [1, 2, 3]


@pytest.mark.parametrize(
    "options",
    [
        {"tolerance": 0.1, "budget_ms": 10.0},
        {"budget_ms": 10.0, "target_fps": 30.0},
        {"tolerance": 0.1, "target_fps": 30.0},
        {"tolerance": 0.0},
        {"tolerance": 1.5},
        {"budget_ms": -1.0},
        {"target_fps": 0.0},
        {"tolerance": 0.1, "tolerance_of": "colour"},
    ],
)
def test_budgets_that_do_not_go_together_or_are_out_of_range_are_refused(options):
    with pytest.raises(StreamdeqError) as caught:
        tiny_model().stream(**options)
    assert "\n" not in str(caught.value)


def test_resolving_tolerance_of_answer_is_its_own_budget():
    assert isinstance(StreamOptions(tolerance=0.1, tolerance_of="answer").budget(5), AnswerTolerance)
