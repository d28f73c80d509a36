"""The policy: which answers are read, which frames start and which rows step in the next tick.

What must be done comes first, by the earliest deadline (EDF): frames that wait, and frames with fewer steps than the
least. Where that is too much to be done in time, frames are shared by weight instead: by whose turn is longest ago, so
that no camera starves. Steps beyond the least are taken where nothing must be done, or where a row rides along in a
batch for little more; they are shared by deficit round robin, and end where an answer would be late.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from streamdeq.serving.scheduler.camera import Camera
from streamdeq.serving.scheduler.costs import Costs
from streamdeq.serving.scheduler.sharing import RoundRobin

#: A row rides along in a batch if that takes longer by less than this part of a step of its own.
RIDES = 0.5


@dataclass(frozen=True)
class Tick:
    """What is to be done, in this order; names of cameras.

    Args:
        read: the answers as they stand, which are published.
        start: the frames that wait are observed.
        step: one application of f for these, in one batch; those that start are among them.
    """

    read: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    step: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.read or self.step)


@dataclass(eq=False, slots=True)
class _Work:
    """What a camera's frame needs.

    Args:
        due_s: when it must be read.
        start_s: what is needed before its next step, and `step_s` for that, in a batch; `rest_s` after it.
        turn_s: when the camera's frame before it began.
        begins: whether its frame begins with this tick.
        optional: it has its least steps; what it needs is to be read.
        latest_s: when its next step, or its reading, must begin, with all that is due later behind it.
    """

    camera: Camera
    due_s: float
    start_s: float
    step_s: float
    rest_s: float
    turn_s: float
    begins: bool = False
    optional: bool = False
    latest_s: float = inf
    taken: bool = False


def plan(cameras: Sequence[Camera], costs: Mapping[object, Costs], ring: RoundRobin, now_s: float) -> Tick:
    """The next tick. The cameras are left as they are; the ring keeps whose turn it was."""
    rows: Counter[object] = Counter()
    for camera in cameras:
        rows[camera.pool] += camera.rows
    planned = _Plan(costs, {pool: costs[pool].row_s(number) for pool, number in rows.items()}, ring, now_s)
    for camera in cameras:
        if camera.job is not None or camera.waiting:
            planned.sort_in(camera)
    planned.fill()
    start = tuple(work.camera.name for work in planned.batch if work.begins)
    return Tick(tuple(planned.read), start, tuple(work.camera.name for work in planned.batch))


class _Plan:
    """A tick while it is made; `now_s` is when what is in `read` will have been read, `row_s` a row's step by pool."""

    def __init__(
        self, costs: Mapping[object, Costs], row_s: Mapping[object, float], ring: RoundRobin, now_s: float
    ) -> None:
        self._costs, self._row_s, self._ring, self._now_s = costs, row_s, ring, now_s
        self._must: list[_Work] = []
        self._may: list[_Work] = []
        self._pool: object = None
        self._of_pool: Costs | None = None
        self._rows, self._starts_s = 0, 0.0
        self.read: list[str] = []
        self.batch: list[_Work] = []

    def sort_in(self, camera: Camera) -> None:
        job, terms, waits = camera.job, camera.terms, bool(camera.waiting)
        costs, step_s = self._costs[camera.pool], camera.rows * self._row_s[camera.pool]
        if job is not None and job.steps >= (terms.min_steps if waits else terms.max_steps):
            self._publish(camera)
            job = None
        if job is None:
            if waits:
                rest_s = (terms.min_steps - 1) * step_s + costs.read_s
                due_s, turn_s = camera.waiting_due_s - costs.answer_s, camera.turn_s
                self._must.append(_Work(camera, due_s, costs.start_s, step_s, rest_s, turn_s, begins=True))
        elif job.steps < terms.min_steps:
            rest_s = (terms.min_steps - job.steps - 1) * step_s + costs.read_s
            self._must.append(_Work(camera, job.due_s - costs.answer_s, 0.0, step_s, rest_s, job.turn_s))
        else:
            due_s = job.deadline_s - camera.spare * (job.deadline_s - job.arrived_s) - costs.answer_s
            self._may.append(_Work(camera, due_s, 0.0, 0.0, costs.read_s, job.turn_s, optional=True))

    def fill(self) -> None:
        every = sorted((*self._must, *self._may), key=lambda work: work.due_s)
        latest_s, now_s = inf, self._now_s
        for work in reversed(every):
            # What cannot be in time whatever is done is due at once, and no reason to hurry everybody else.
            alone_s = work.start_s + work.step_s + work.rest_s
            latest_s = work.latest_s = min(latest_s, max(work.due_s, now_s + alone_s)) - alone_s
        if not self._must:
            self._share(every)
        elif latest_s < now_s:
            self._hurry()
        else:
            self._keep_to_deadlines(every)

    def _keep_to_deadlines(self, every: Sequence[_Work]) -> None:
        """Everything can be done in time: the first, and with it what costs little more or holds up nobody."""
        limit_s = inf
        for work in every:
            if work.optional:
                continue  # which is read first if the tick ends too late for it
            if self._room(work) and (self._cheap(work) or self._in_time(work, limit_s)):
                self._add(work)
                limit_s = min(limit_s, work.due_s - work.rest_s)
            else:
                limit_s = min(limit_s, work.latest_s)
        self._take_along(limit_s)
        for work in every:
            if work.optional and not work.taken and work.latest_s < self._end_s:
                self._publish(work.camera)

    def _hurry(self) -> None:
        """Not everything can be done in time: nothing but what must be done, in full batches."""
        for work in self._may:
            self._publish(work.camera)
        for work in sorted(self._must, key=lambda work: -(self._now_s - work.turn_s) * work.camera.terms.weight):
            if self._room(work):
                self._add(work)

    def _share(self, every: list[_Work]) -> None:
        """Nothing must be done: further steps, as long as all are read in time."""
        while every and self._now_s + self._alone_s(every[0]) > every[0].latest_s:
            self._publish(every.pop(0).camera)
        if not every:
            return
        limit_s = every[0].latest_s
        for work in self._turns(every):
            if self._room(work) and self._end_with_s(work) <= limit_s:
                self._add(work)
        if not self.batch:  # those whose turn it is take more rows than there is time for
            self._add(every[0])
        self._had_their_turn(every)

    def _take_along(self, limit_s: float) -> None:
        """Rows that cost a batch little more."""
        some = [work for work in self._may if work.camera.pool == self._pool]
        for work in self._turns(some):
            if self._room(work) and self._cheap(work) and self._in_time(work, limit_s):
                self._add(work)
        self._had_their_turn(some)

    def _turns(self, works: Sequence[_Work]) -> list[_Work]:
        """Whose turn comes first in front."""
        named = {work.camera.name: work for work in works}
        return [named[name] for name in self._ring.order({name: w.camera.terms.weight for name, w in named.items()})]

    def _had_their_turn(self, works: Sequence[_Work]) -> None:
        taken = [work.camera.name for work in self.batch if work.optional]
        self._ring.taken({work.camera.name: work.camera.terms.weight for work in works}, taken)

    def _publish(self, camera: Camera) -> None:
        self.read.append(camera.name)
        self._now_s += self._costs[camera.pool].read_s

    def _add(self, work: _Work) -> None:
        if not self.batch:
            self._pool, self._of_pool = work.camera.pool, self._costs[work.camera.pool]
        work.taken = True
        self.batch.append(work)
        self._rows += work.camera.rows
        self._starts_s += work.start_s

    def _room(self, work: _Work) -> bool:
        """Whether it goes into the batch, by its pool and rows. A camera's rows go together, also if they are many."""
        if self._of_pool is None:
            return True
        return self._rows + work.camera.rows <= self._of_pool.cap and work.camera.pool == self._pool

    def _in_time(self, work: _Work, limit_s: float) -> bool:
        """Whether the tick with it ends early enough for it and by `limit_s`; the first one goes as early as may be."""
        return not self.batch or self._end_with_s(work) <= min(limit_s, work.due_s - work.rest_s)

    def _cheap(self, work: _Work) -> bool:
        """Whether it makes the batch's step hardly longer, so that everybody gains."""
        if not self.batch:
            return True
        more_s = self._step_s(self._rows + work.camera.rows) - self._step_s(self._rows)
        return more_s < RIDES * self._alone_s(work)

    def _step_s(self, rows: int) -> float:
        """Of a batch."""
        assert self._of_pool is not None
        return self._of_pool.step_s(rows)

    def _alone_s(self, work: _Work) -> float:
        """A step of its own."""
        return self._costs[work.camera.pool].step_s(work.camera.rows)

    @property
    def _end_s(self) -> float:
        """When the tick ends."""
        return self._now_s + self._starts_s + self._step_s(self._rows)

    def _end_with_s(self, work: _Work) -> float:
        """When the tick ends with one more in its batch."""
        if self._of_pool is None:
            return self._now_s + work.start_s + self._alone_s(work)
        return self._now_s + self._starts_s + work.start_s + self._of_pool.step_s(self._rows + work.camera.rows)
