"""A machine on which all work takes as long as its costs say, and cameras whose frames come when they say."""

import heapq
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from streamdeq.serving.scheduler import Costs, Scheduler, Spent, Terms, Tick

POOL = "pool"
#: A machine whose rows cost the same however many step together: a processor; and one on which 64 cost as much as 1.
SERIAL = Costs(((1, 0.010), (2, 0.020), (4, 0.040)), 0.002, 0.003)
PARALLEL = Costs(((1, 0.010), (64, 0.011)), 0.0002, 0.0002)


#: A processor of two cores with a row on each, whose answers are made beside: two rows cost about as much as one.
PAIRED = Costs(((1, 0.0030), (2, 0.0033), (4, 0.0064), (8, 0.0127)), 0.001, 0.0022, answer_s=0.002)


@dataclass
class Machine:
    """Runs a scheduler on a clock of its own.

    Args:
        tick_s: what a tick takes beside the work that is in the costs.
        slower: factors that the work of ticks takes longer by, one after another and over again.

    Attributes:
        ticks: what was done, and when it began.
        steps: of each answer, by camera, in order.
        ages: seconds from a frame's arrival to its answer, by camera.
        frames: when the frames that were answered had come, by camera.
    """

    cameras: Mapping[str, Terms]
    costs: Mapping[object, Costs] = field(default_factory=lambda: {POOL: SERIAL})
    pool_of: Callable[[str], object] = lambda name: POOL
    tick_s: float = 0.0
    slower: Sequence[float] = (1.0,)

    def __post_init__(self) -> None:
        self.scheduler, self.now_s = Scheduler(), 0.0
        self.ticks: list[tuple[float, Tick]] = []
        self.steps: dict[str, list[int]] = defaultdict(list)
        self.ages: dict[str, list[float]] = defaultdict(list)
        self.frames: dict[str, list[float]] = defaultdict(list)
        self._waiting: dict[str, deque[float]] = defaultdict(deque)
        self._solving: dict[str, tuple[float, int]] = {}
        for pool, costs in self.costs.items():
            self.scheduler.measure(pool, costs)
        for name, terms in self.cameras.items():
            self.scheduler.add(name, terms, self.pool_of(name))

    def run(self, arrivals: Iterable[tuple[float, str]]) -> "Machine":
        """All frames that come, (seconds, camera), and until nothing is left to do."""
        coming = list(arrivals)
        heapq.heapify(coming)
        while True:
            while coming and coming[0][0] <= self.now_s:
                at_s, name = heapq.heappop(coming)
                self._waiting[name].append(at_s)
                for _ in range(self.scheduler.arrived(name, at_s)):
                    self._waiting[name].popleft()
            tick = self.scheduler.tick(self.now_s)
            if tick:
                self._do(tick)
            elif coming:
                self.now_s = coming[0][0]
            else:
                return self

    def _do(self, tick: Tick) -> None:
        factor = self.slower[len(self.ticks) % len(self.slower)]
        self.ticks.append((self.now_s, tick))
        for name in tick.read:
            costs = self.costs[self.pool_of(name)]
            self.now_s += factor * costs.read_s
            came_s, steps = self._solving.pop(name)
            self.scheduler.published(name, self.now_s + costs.answer_s)
            self.steps[name].append(steps)
            self.ages[name].append(self.now_s + costs.answer_s - came_s)
            self.frames[name].append(came_s)
        pools = {self.pool_of(name) for name in tick.step}
        assert len(pools) <= 1, "a batch is of one pool"
        for pool in pools:
            costs = self.costs[pool]
            start_s, step_s = factor * costs.start_s * len(tick.start), factor * costs.step_s(len(tick.step))
            self.now_s += start_s + step_s + self.tick_s
            spent = Spent(len(tick.start), start_s, len(tick.step), step_s + self.tick_s)
            self.scheduler.spent(pool, spent)
        for name in tick.start:
            self._solving[name] = (self._waiting[name].popleft(), 0)
        for name in tick.step:
            came_s, steps = self._solving[name]
            self._solving[name] = (came_s, steps + 1)


def regular(name: str, fps: float, seconds: float, phase_s: float = 0.0) -> list[tuple[float, str]]:
    """A camera's frames, as `Machine.run` takes them."""
    return [(phase_s + n / fps, name) for n in range(round(seconds * fps))]
