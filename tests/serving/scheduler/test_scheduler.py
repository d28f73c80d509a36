"""What the scheduler decides, on a clock of its own and a machine whose costs are known."""

import pytest
from support.scheduling import PAIRED, PARALLEL, POOL, SERIAL, Machine, regular

from streamdeq.errors import StreamdeqError
from streamdeq.serving.bench.timetable import timetable
from streamdeq.serving.scheduler import Costs, Scheduler, Spent, Terms


def test_an_idle_machine_gives_every_frame_all_its_steps_and_publishes_at_once():
    machine = Machine({"a": Terms(max_steps=4, fps=5)}).run(regular("a", 5, 2))
    assert machine.steps["a"] == [4] * 10
    assert machine.ages["a"] == pytest.approx([0.002 + 4 * 0.010 + 0.003] * 10)
    counts = machine.scheduler.counts("a")
    assert (counts.decoded, counts.processed, counts.in_time, counts.steps) == (10, 10, 10, 40)


def test_steps_fall_with_the_number_of_cameras_and_no_frame_is_dropped_until_one_step_is_too_much():
    # A frame costs 5 ms and 10 ms a step: at 10 fps, 6 cameras at one step are 90 % of the machine, 7 are 105 %.
    mean, dropped = [], []
    for count in (1, 2, 3, 4, 5, 6, 7, 8):
        names = [f"c{n}" for n in range(count)]
        machine = Machine(dict.fromkeys(names, Terms(max_steps=8, fps=10)))
        machine.run([one for n, name in enumerate(names) for one in regular(name, 10, 10, n * 0.1 / count)])
        counts = [machine.scheduler.counts(name) for name in names]
        mean.append(sum(one.steps for one in counts) / sum(one.processed for one in counts))
        dropped.append(sum(one.dropped for one in counts))
        if count <= 6:
            assert sum(one.in_time for one in counts) >= 0.99 * sum(one.processed for one in counts)
    assert mean == sorted(mean, reverse=True)
    assert mean[0] == 8
    assert mean[-1] == pytest.approx(1, abs=0.01)
    assert dropped[:6] == [0] * 6
    assert 0 < dropped[6] < dropped[7]


@pytest.mark.parametrize("phase_s", [0.0, 0.011, 0.016])
def test_cameras_whose_frames_come_together_are_served_like_others(phase_s: float):
    names = [f"c{n}" for n in range(5)]
    machine = Machine(dict.fromkeys(names, Terms(max_steps=3, fps=10)))
    machine.run([one for n, name in enumerate(names) for one in regular(name, 10, 5, n * phase_s)])
    for name in names:
        counts = machine.scheduler.counts(name)
        assert (counts.processed, counts.in_time) == (50, 50)


def test_beyond_one_step_the_freshest_frame_wins_and_all_are_served_alike():
    names = [f"c{n}" for n in range(12)]
    machine = Machine(dict.fromkeys(names, Terms(max_steps=8, fps=10)))
    machine.run([one for n, name in enumerate(names) for one in regular(name, 10, 10, 0.003 * n)])
    served = [machine.scheduler.counts(name).processed for name in names]
    assert max(served) - min(served) <= 1
    assert sum(served) == pytest.approx(10 / 0.015, rel=0.05)
    for name in names:
        counts = machine.scheduler.counts(name)
        assert counts.decoded == 100
        assert max(machine.ages[name]) < 0.2  # never one that was replaced


@pytest.mark.parametrize("costs", [SERIAL, PAIRED], ids=["serial", "paired"])
@pytest.mark.parametrize("together", [False, True], ids=["apart", "together"])
def test_no_frame_is_dropped_below_one_steps_capacity_however_unevenly_frames_come(costs: Costs, together: bool):
    # Ticks have a cost of their own, and every 500th is held up for nearly as long as two frames of a camera are apart.
    cameras, tick_s = 8, 0.001
    frame_s = costs.start_s + costs.row_s(cameras) + costs.read_s + tick_s / costs.cap
    fps = 0.85 / cameras / frame_s
    slower = [1.0] * 499 + [0.8 / fps / (costs.cap * frame_s)]
    machine = Machine(
        {f"c{n}": Terms(max_steps=8, fps=fps) for n in range(cameras)}, {POOL: costs}, tick_s=tick_s, slower=slower
    )
    tables = (timetable(fps, 40, 30, 100, phase=0 if together else n / 8, jitter=0.2, seed=(n,)) for n in range(8))
    machine.run([(one.at_s, f"c{n}") for n, table in enumerate(tables) for one in table])
    counts = [machine.scheduler.counts(name) for name in machine.cameras]
    assert sum(one.dropped for one in counts) == 0
    assert sum(one.in_time for one in counts) >= 0.93 * sum(one.processed for one in counts)


def test_two_frames_of_a_camera_wait_where_there_is_time_for_both_and_one_where_there_is_not():
    for cameras, dropped in ((4, [0, 0, 1]), (8, [0, 1, 1])):  # 60 and 120 % of the machine
        scheduler = Scheduler()
        scheduler.measure(POOL, SERIAL)
        for n in range(cameras):
            scheduler.add(f"c{n}", Terms(fps=10), POOL)
        scheduler.tick(0.0)
        assert [scheduler.arrived("c0", 0.1 * n) for n in range(3)] == dropped
        first = 0.1 * sum(dropped)
        assert scheduler.tick(0.3).start == ("c0",)
        assert scheduler.deadline_s("c0") == pytest.approx(first + 0.1)
        assert scheduler.at_hand("c0") == 3 - sum(dropped)


def test_an_answer_is_read_early_enough_to_be_made_beside_the_next_steps():
    quick, slow = (Costs(SERIAL.steps, SERIAL.start_s, SERIAL.read_s, answer_s) for answer_s in (0.0, 0.02))
    for costs, steps in ((quick, 6), (slow, 4)):
        machine = Machine({"a": Terms(max_steps=50, deadline_s=0.080)}, {POOL: costs}).run(regular("a", 2, 3))
        assert machine.steps["a"] == [steps] * 6
        assert machine.scheduler.counts("a").in_time == 6


def test_beyond_one_step_frames_are_shared_by_weight():
    terms = {"heavy": Terms(weight=4, fps=30), **{f"c{n}": Terms(fps=30) for n in range(15)}}
    machine = Machine(terms).run([one for n, name in enumerate(terms) for one in regular(name, 30, 10, 0.001 * n)])
    heavy, light = (machine.scheduler.counts(name).processed for name in ("heavy", "c7"))
    assert heavy == pytest.approx(4 * light, rel=0.25)


def test_steps_beyond_the_least_are_shared_by_weight():
    terms = {
        "a": Terms(max_steps=20, weight=3, fps=1),
        "b": Terms(max_steps=20, fps=1),
        "c": Terms(max_steps=20, fps=1),
    }
    costs = Costs(((1, 0.030),), 0.0, 0.0)
    machine = Machine(terms, {POOL: costs}).run([(float(n), name) for n in range(20) for name in terms])
    a, b, c = (sum(machine.steps[name]) - 20 for name in terms)
    assert (a / b, c / b) == (pytest.approx(3, rel=0.1), pytest.approx(1, rel=0.1))


def test_a_frame_that_comes_in_the_middle_of_a_solve_joins_the_next_tick():
    machine = Machine({"long": Terms(min_steps=20, max_steps=20, deadline_s=1, fps=1), "b": Terms(max_steps=1)})
    machine.run([(0.0, "long"), (0.05, "b")])
    assert machine.ages["b"][0] < 0.05
    assert machine.steps["long"] == [20]


def test_rows_ride_along_where_a_batch_costs_little_more():
    names = [f"c{n}" for n in range(40)]
    machine = Machine(dict.fromkeys(names, Terms(max_steps=6, fps=10)), {POOL: PARALLEL})
    machine.run([one for n, name in enumerate(names) for one in regular(name, 10, 3, n * 0.1 / 40)])
    # There is a new frame in nearly every tick, so that nothing beyond the least would ever be taken in a tick's own.
    counts = [machine.scheduler.counts(name) for name in names]
    assert sum(one.dropped for one in counts) == 0
    assert sum(one.steps for one in counts) / sum(one.processed for one in counts) > 5


def test_an_answer_is_published_before_its_deadline_with_the_steps_there_was_time_for():
    machine = Machine({"a": Terms(max_steps=50, deadline_s=0.080)}).run(regular("a", 2, 3))
    assert machine.steps["a"] == [6] * 6  # 2 + 6 · 10 + 3 ms, and a tenth is kept
    assert machine.scheduler.counts("a").in_time == 6


def test_a_camera_whose_answers_come_late_is_left_more_time():
    scheduler = Scheduler()
    scheduler.measure(POOL, SERIAL)
    scheduler.add("a", Terms(max_steps=50, deadline_s=0.1, fps=1), POOL)

    def steps(arrival_s: float, late: bool) -> int:
        """That a frame gets; what it is told of the time it takes."""
        scheduler.arrived("a", arrival_s)
        taken = 0
        while not (tick := scheduler.tick(arrival_s + 0.002 + 0.010 * taken)).read:
            taken += len(tick.step)
        scheduler.published("a", arrival_s + (0.2 if late else 0.05))
        return taken

    assert [steps(n, late=True) for n in range(6)] == [8, 7, 6, 5, 4, 4]
    for n in range(6, 900):
        last = steps(n, late=False)
    assert last == 8


def test_what_must_be_done_goes_in_one_batch_where_that_takes_hardly_longer():
    names = [f"c{n}" for n in range(12)]
    machine = Machine(dict.fromkeys(names, Terms(max_steps=1, deadline_s=0.02)), {POOL: PARALLEL})
    machine.run([(0.0, name) for name in names])
    assert [len(tick.step) for _, tick in machine.ticks] == [12, 0]


def test_a_frame_gives_way_to_the_next_one_once_it_has_its_least_steps():
    machine = Machine({"a": Terms(min_steps=3, max_steps=50, deadline_s=10, fps=10)}).run(regular("a", 10, 2))
    assert set(machine.steps["a"][:-1]) <= {9, 10}
    assert machine.scheduler.counts("a").dropped == 0


def test_a_deadline_that_cannot_be_met_is_counted_late_and_costs_the_others_nothing():
    terms = {"hasty": Terms(deadline_s=0.001, fps=4), "a": Terms(max_steps=4, fps=4), "b": Terms(max_steps=4, fps=4)}
    machine = Machine(terms).run([one for name in terms for one in regular(name, 4, 5, 0.08 * len(name))])
    assert machine.scheduler.counts("hasty").in_time == 0
    assert machine.scheduler.counts("hasty").processed == 20
    assert machine.steps["a"] == machine.steps["b"] == [4] * 20


def test_pools_take_turns_and_never_share_a_batch():
    terms = {f"{pool}{n}": Terms(max_steps=2, fps=8) for pool in "xy" for n in range(3)}
    machine = Machine(terms, {"x": SERIAL, "y": PARALLEL}, lambda name: name[0])
    machine.run([one for n, name in enumerate(terms) for one in regular(name, 8, 3, 0.002 * n)])
    for name in terms:
        assert machine.scheduler.counts(name).in_time == 24


def test_what_a_camera_leaves_behind_is_dropped_and_what_meets_an_error_fails():
    scheduler = Scheduler()
    scheduler.measure(POOL, SERIAL)
    scheduler.add("a", Terms(min_steps=2), POOL)
    scheduler.arrived("a", 0.0)
    scheduler.tick(0.0)
    scheduler.arrived("a", 0.1, missed=3)
    assert (scheduler.at_hand("a"), scheduler.counts("a").dropped) == (2, 3)
    scheduler.lost("a")
    scheduler.failed("a", 2)
    counts = scheduler.remove("a")
    assert (counts.decoded, counts.processed, counts.dropped, counts.failed) == (7, 0, 4, 3)


def test_a_frame_begins_anew_unless_a_fresher_one_waits():
    scheduler = Scheduler()
    scheduler.measure(POOL, SERIAL)
    scheduler.add("a", Terms(), POOL)
    scheduler.arrived("a", 0.0)
    assert scheduler.tick(0.0).start == ("a",)
    assert scheduler.again("a")
    assert scheduler.tick(0.01).start == ("a",)
    scheduler.arrived("a", 0.02)
    assert not scheduler.again("a")
    assert scheduler.tick(0.03).start == ("a",)
    assert scheduler.counts("a").dropped == 1


def test_the_cap_of_a_pool_is_where_rows_stop_becoming_cheaper():
    assert SERIAL.cap == 1
    assert PARALLEL.cap == 64
    assert Costs(((1, 1.0), (2, 1.2), (4, 1.6), (8, 3.2)), 0, 0).cap == 4


def test_the_cap_may_be_that_of_whole_frames():
    assert Costs(SERIAL.steps, 0, 0, cap=4).cap == 4
    assert Costs(SERIAL.steps, 0, 0, cap=4).seen(Spent(rows=2, step_s=0.02)).cap == 4


def test_costs_between_and_behind_what_was_measured_are_on_a_line():
    costs = Costs(((1, 1.0), (2, 1.2), (4, 1.6)), 0, 0)
    assert [costs.step_s(n) for n in (1, 2, 3, 4, 8)] == pytest.approx([1.0, 1.2, 1.4, 1.6, 3.2])


def test_load_is_arrivals_over_capacity_and_who_does_not_fit_is_refused_with_the_figures():
    scheduler = Scheduler()
    scheduler.measure(POOL, SERIAL)
    for n in range(6):
        scheduler.add(f"c{n}", Terms(max_steps=2, fps=10), POOL)
    load = scheduler.load()
    assert (load.least, load.full, load.cameras) == (pytest.approx(0.9), pytest.approx(1.5), 6)
    demand = scheduler.demand(Terms(), POOL, 10)
    with pytest.raises(StreamdeqError, match=r"camera 'x' is not admitted: 10 frames per second at 1 step take 15% of"):
        load.check_room("x", 10, 1, demand)
    scheduler.load(without="c0").check_room("c0", 10, 1, demand)


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"min_steps": 0}, "min_steps must be at least 1"),
        ({"min_steps": 3, "max_steps": 2}, r"max_steps must be at least min_steps \(3\); got 2"),
        ({"weight": 0}, "priority must be above 0"),
        ({"fps": -1}, "fps must be above 0"),
    ],
)
def test_terms_that_cannot_be_are_refused(terms: dict[str, float], said: str):
    with pytest.raises(StreamdeqError, match=said):
        Terms(**terms)  # type: ignore[arg-type]
