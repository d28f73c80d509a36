"""What holds for the scheduler whatever the cameras, their frames and the machine."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from support.scheduling import POOL, Machine

from streamdeq.serving.scheduler import Costs, Terms

SECONDS = 4.0


@st.composite
def machines(draw: st.DrawFn) -> Costs:
    """The more rows the cheaper each, by anything between not at all and wholly."""
    first = draw(st.floats(0.001, 0.05))
    shares = draw(st.floats(0.0, 1.0))
    steps = tuple((n, first * (1 + shares * (n - 1))) for n in (1, 2, 4, 8))
    return Costs(steps, draw(st.floats(0, 0.01)), draw(st.floats(0, 0.01)))


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    least = draw(st.integers(1, 3))
    deadline_s = draw(st.none() | st.floats(0.01, 0.5))
    return Terms(least, least + draw(st.integers(0, 6)), draw(st.floats(0.2, 5)), deadline_s)


arrivals = st.lists(st.floats(0, SECONDS), min_size=0, max_size=60)
cameras = st.lists(st.tuples(terms(), arrivals), min_size=1, max_size=8)


@settings(deadline=None, derandomize=True, database=None, max_examples=150)
@given(machines(), cameras)
def test_every_frame_is_processed_or_dropped_and_gets_the_steps_it_is_due(costs: Costs, given_: list):
    named = {f"c{n}": one for n, (one, _) in enumerate(given_)}
    frames = sorted((at_s, f"c{n}") for n, (_, times) in enumerate(given_) for at_s in times)
    machine = Machine(named, {POOL: costs}).run(frames)
    for n, (one, times) in enumerate(given_):
        counts, name = machine.scheduler.counts(f"c{n}"), f"c{n}"
        assert machine.scheduler.at_hand(name) == 0
        assert counts.decoded == len(times)
        assert counts.processed == len(machine.steps[name])
        assert counts.steps == sum(machine.steps[name])
        assert all(one.min_steps <= steps <= one.max_steps for steps in machine.steps[name])
        assert machine.frames[name] == sorted(machine.frames[name])
        assert not times or machine.frames[name][-1] == max(times)  # the freshest is never lost


@settings(deadline=None, derandomize=True, database=None, max_examples=150)
@given(machines(), cameras)
def test_nothing_beyond_the_least_is_taken_while_something_must_be_done_unless_it_rides_along(
    costs: Costs, given_: list
):
    named = {f"c{n}": one for n, (one, _) in enumerate(given_)}
    machine = Machine(named, {POOL: costs})
    taken = dict.fromkeys(named, 0)
    machine.run(sorted((at_s, f"c{n}") for n, (_, times) in enumerate(given_) for at_s in times))
    for _, tick in machine.ticks:
        taken.update(dict.fromkeys(tick.start, 0))
        must = [name for name in tick.step if taken[name] < named[name].min_steps]
        if must:
            more_s = costs.step_s(len(tick.step)) - costs.step_s(len(must))
            assert more_s <= 0.5 * costs.step_s(1) * (len(tick.step) - len(must)) + 1e-12
        for name in tick.step:
            taken[name] += 1


@settings(deadline=None, derandomize=True, database=None, max_examples=50)
@given(machines(), st.lists(st.tuples(terms(), st.floats(1, 30), st.floats(0, 1)), min_size=1, max_size=8))
def test_below_the_capacity_at_the_least_steps_no_frame_is_dropped(costs: Costs, given_: list):
    periods = [1 / fps for _, fps, _ in given_]
    load = sum(
        (costs.start_s + one.min_steps * costs.step_s(1) + costs.read_s) / period
        for (one, _, _), period in zip(given_, periods, strict=True)
    )
    # What is under way when a frame comes is not interrupted: a tick, and the answers that are read with it.
    blocked_s = costs.step_s(costs.cap) + costs.cap * costs.start_s + len(given_) * costs.read_s
    slow = 0.9 / (load + blocked_s / min(periods))
    named = {f"c{n}": Terms(one.min_steps, one.max_steps, one.weight) for n, (one, _, _) in enumerate(given_)}
    frames = sorted(
        (phase + k * period / min(1.0, slow), f"c{n}")
        for n, ((_, _, phase), period) in enumerate(zip(given_, periods, strict=True))
        for k in range(20)
    )
    machine = Machine(named, {POOL: costs}).run(frames)
    assert [machine.scheduler.counts(name).dropped for name in named] == [0] * len(named)


@settings(deadline=None, derandomize=True, database=None, max_examples=15)
@given(machines(), st.lists(st.tuples(terms(), st.floats(5, 30)), min_size=2, max_size=5))
def test_however_short_the_machine_is_no_camera_starves(costs: Costs, given_: list):
    weights = [one.weight for one, _ in given_]
    slow = Costs(tuple((n, 10 * s) for n, s in costs.steps), costs.start_s, costs.read_s)
    named = {f"c{n}": one for n, (one, _) in enumerate(given_)}
    round_s = sum(slow.start_s + one.min_steps * slow.step_s(1) + slow.read_s for one, _ in given_)
    longest_s = (round_s + 1 / 5) * (2 + max(weights) / min(weights)) * len(given_)
    frames = sorted(
        (k / fps, f"c{n}") for n, (_, fps) in enumerate(given_) for k in range(int(1.5 * fps * longest_s) + 1)
    )
    machine = Machine(named, {POOL: slow}).run(frames)
    for name in named:
        times = [0.0, *machine.frames[name]]
        assert max(b - a for a, b in pairwise(times)) <= longest_s
