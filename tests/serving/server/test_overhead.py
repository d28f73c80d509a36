"""What deciding costs beside what is decided."""

from statistics import median
from time import process_time

from support.scheduling import PARALLEL
from support.small_models import frames, tiny_model

from streamdeq.serving.scheduler import Scheduler, Spent, Terms
from streamdeq.solvers import Picard

ROWS = 64


def test_a_tick_of_64_rows_is_planned_in_three_percent_of_its_time():
    # Of every model that is worth serving a row takes several times as long as of this one.
    engine = tiny_model().engine(Picard(), "native")
    rows = [engine.open() for _ in range(ROWS)]
    engine.observe(rows, frames(ROWS, hw=(128, 192)))
    scheduler, planned, stepped = Scheduler(), [], []
    scheduler.measure("pool", PARALLEL)
    for n in range(ROWS):
        scheduler.add(f"c{n}", Terms(max_steps=8, fps=10), "pool")
    for tick_number in range(17):
        now_s = tick_number / 100
        for n in range(0, ROWS, 2) if tick_number % 8 else range(ROWS):
            scheduler.arrived(f"c{n}", now_s)
        began = process_time()  # what others do on this machine is in neither
        tick = scheduler.tick(now_s)
        for name in tick.read:
            scheduler.published(name, now_s)
        scheduler.spent("pool", Spent(rows=len(tick.step), step_s=0.01))
        planned.append(process_time() - began)
        began = process_time()
        engine.iterate(rows)
        stepped.append(process_time() - began)
    assert median(planned) < 0.03 * median(stepped)
