"""The scheduler: knows the cameras, tells what the next tick does, is told what it took, and counts every frame."""

from collections import Counter

from streamdeq.serving.scheduler.camera import MOST_WAITING, Camera, Counts, Terms
from streamdeq.serving.scheduler.costs import Costs, Spent
from streamdeq.serving.scheduler.load import Demand, Load
from streamdeq.serving.scheduler.plan import Tick, plan
from streamdeq.serving.scheduler.sharing import RoundRobin

#: How far a tick moves the measured load at the least steps.
CROWDED = 0.02


class Scheduler:
    """Cameras, and the policy over them. Times are seconds on one monotonic clock."""

    def __init__(self) -> None:
        self._cameras: dict[str, Camera] = {}
        self._costs: dict[object, Costs] = {}
        self._ring = RoundRobin()
        self._crowded: float | None = None

    # -- what there is ---------------------------------------------------------------------------------------

    def measure(self, pool: object, costs: Costs) -> None:
        """What work on a pool costs; before its first camera."""
        self._costs[pool] = costs

    def costs(self, pool: object) -> Costs:
        return self._costs[pool]

    def knows(self, pool: object) -> bool:
        return pool in self._costs

    def add(self, name: str, terms: Terms, pool: object) -> None:
        self._cameras[name], self._crowded = Camera(name, terms, pool), None
        self._ring.add(name)

    def change(self, name: str, terms: Terms | None = None, pool: object = None) -> None:
        """Other terms, from the next tick on, or another pool, from its next frame on."""
        camera = self._cameras[name]
        if terms is not None:
            if terms.fps not in (None, camera.terms.fps):
                camera.period_s = 1 / terms.fps
            camera.terms, self._crowded = terms, None
        if pool is not None:
            camera.pool = pool

    def remove(self, name: str) -> Counts:
        """Its frames at hand are dropped; the counts of all."""
        camera, self._crowded = self._cameras.pop(name), None
        self._ring.remove(name)
        camera.counts.dropped += camera.at_hand
        return camera.counts

    def counts(self, name: str) -> Counts:
        return self._cameras[name].counts

    def at_hand(self, name: str) -> int:
        """Frames that wait, are being solved, or whose answers are on their way out: 0 to 5."""
        return self._cameras[name].at_hand

    def pool(self, name: str) -> object:
        return self._cameras[name].pool

    def demand_of(self, name: str) -> Demand:
        """What a camera asks for."""
        one = self._cameras[name]
        return self._demand(one.terms, one.pool, 1 / one.period_s, one.rows, self._rows()[one.pool])

    def fps(self, name: str) -> float:
        """As measured."""
        return 1 / self._cameras[name].period_s

    # -- what happens ----------------------------------------------------------------------------------------

    def arrived(self, name: str, at_s: float, missed: int = 0) -> int:
        """A frame came at that time. Where there is time for the least steps of all that come, one that has not begun
        yet keeps its place before it; where there is not, the freshest wins. How many that waited are dropped for it.

        Args:
            missed: frames before it that nobody was told of; they are dropped.
        """
        return self._cameras[name].arrived(at_s, missed, 1 if (self._crowded or 0) > 1 else MOST_WAITING)

    def dropped(self, name: str, frames: int) -> None:
        """So many frames came that are not wanted."""
        self._cameras[name].counts.dropped += frames

    def failed(self, name: str, frames: int = 1) -> None:
        """So many frames could not be decoded."""
        self._cameras[name].counts.failed += frames

    def lost(self, name: str) -> None:
        """What is being solved met an error."""
        self._cameras[name].lose()

    def lost_answer(self, name: str) -> None:
        """What was to be read met an error."""
        self._cameras[name].lose_answer()

    def again(self, name: str) -> bool:
        """What is being solved begins anew, unless a fresher frame waits; whether it does."""
        return self._cameras[name].again()

    def rows(self, name: str, rows: int) -> None:
        """How many rows the frame that has begun takes."""
        self._cameras[name].rows = rows

    def deadline_s(self, name: str) -> float:
        """When the answer of what is being solved is late."""
        job = self._cameras[name].job
        assert job is not None
        return job.deadline_s

    def tick(self, now_s: float) -> Tick:
        """What is to be done now; the frames in it count as begun, and the steps as taken."""
        least = self.load().least
        self._crowded = least if self._crowded is None else self._crowded + CROWDED * (least - self._crowded)
        tick = plan(list(self._cameras.values()), self._costs, self._ring, now_s)
        for name in tick.read:
            self._cameras[name].answer()
        for name in tick.start:
            self._cameras[name].begin(now_s)
        for name in tick.step:
            self._cameras[name].step()
        return tick

    def published(self, name: str, now_s: float) -> None:
        """An answer that was to be read is out."""
        self._cameras[name].published(now_s)

    def spent(self, pool: object, spent: Spent) -> None:
        """What a tick's work on a pool took."""
        self._costs[pool] = self._costs[pool].seen(spent)

    # -- how much that is ------------------------------------------------------------------------------------

    def demand(self, terms: Terms, pool: object, fps: float, rows: int = 1) -> Demand:
        """What a camera with such frames asks for beside those there are."""
        return self._demand(terms, pool, fps, rows, self._rows()[pool] + rows)

    def load(self, without: str = "") -> Load:
        """What the cameras ask for, but for one."""
        others = [camera for camera in self._cameras.values() if camera.name != without]
        of_pool = self._rows()
        demands = [self._demand(one.terms, one.pool, 1 / one.period_s, one.rows, of_pool[one.pool]) for one in others]
        return Load(sum(d.least for d in demands), sum(d.full for d in demands), len(others))

    def _rows(self) -> Counter[object]:
        rows: Counter[object] = Counter()
        for camera in self._cameras.values():
            rows[camera.pool] += camera.rows
        return rows

    def _demand(self, terms: Terms, pool: object, fps: float, rows: int, of_pool: int) -> Demand:
        return Demand(*(fps * self._frame_s(pool, n * rows, of_pool) for n in (terms.min_steps, terms.max_steps)))

    def _frame_s(self, pool: object, steps: int, of_pool: int) -> float:
        """Of a frame with so many steps of a row. Its answer is made beside the next ones, if that is quick enough."""
        costs = self._costs[pool]
        return costs.start_s + steps * costs.row_s(of_pool) + costs.read_s
