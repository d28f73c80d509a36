"""A camera as the scheduler knows it: its terms, the frame that waits, the frame that is solved, and its counts."""

from collections import deque
from dataclasses import dataclass, field

from streamdeq.errors import StreamdeqError
from streamdeq.values.numbers import check_above_zero, check_number

#: Of a camera that says no rate, until it is measured.
USUAL_FPS = 25.0
#: How far one frame moves the measured time between frames, and what of a pause counts, in frames.
MOVE, PAUSE = 0.1, 4.0

#: Frames of a camera that wait at the most, where there is time for all that come.
MOST_WAITING = 2

#: Of the time to a deadline so much is left, at the least and at the most, for what takes longer than it usually does.
LEAST_SPARE, MOST_SPARE = 0.1, 0.5
#: How an answer that is late, and one that is not, move it: where they balance one in 200 is late.
LATE, IN_TIME = 0.1, -0.0005


@dataclass(frozen=True)
class Terms:
    """What a camera is to get.

    Args:
        min_steps, max_steps: applications of f per frame.
        weight: its part of the steps beyond the least, and of the frames where not even those suffice.
        deadline_s: from a frame's arrival to its answer; None: until the next frame is due.
        fps: frames per second; None: as they come.
    """

    min_steps: int = 1
    max_steps: int = 8
    weight: float = 1.0
    deadline_s: float | None = None
    fps: float | None = None

    def __post_init__(self) -> None:
        check_number("min_steps", self.min_steps, whole=True, least=1)
        check_number("max_steps", self.max_steps, whole=True)
        if self.max_steps < self.min_steps:
            raise StreamdeqError(f"max_steps must be at least min_steps ({self.min_steps}); got {self.max_steps}")
        check_above_zero("priority", self.weight)
        for name, value in (("deadline", self.deadline_s), ("fps", self.fps)):
            if value is not None:
                check_above_zero(name, value)


@dataclass
class Counts:
    """Frames that are accounted for, and what became of those that were answered.

    Attributes:
        processed: answered and published.
        dropped: replaced by a fresher one before they began, or left over when the camera went.
        failed: could not be decoded or solved.
        in_time: of the processed, by their deadline.
        steps: applications of f for the processed.
    """

    processed: int = 0
    dropped: int = 0
    failed: int = 0
    in_time: int = 0
    steps: int = 0

    @property
    def decoded(self) -> int:
        """All that have come, but for those that wait or are being solved."""
        return self.processed + self.dropped + self.failed


@dataclass
class Job:
    """A frame that is being solved.

    Attributes:
        arrived_s: when it came.
        due_s: when it must be answered, so that neither its deadline passes nor the next frame is lost.
        deadline_s: when its answer is late.
        turn_s: when the camera's frame before it began.
        steps: applications of f so far.
    """

    arrived_s: float
    due_s: float
    deadline_s: float
    turn_s: float
    steps: int = 0


@dataclass
class Camera:
    """Attributes:
    pool: of rows, those of one pool share batches.
    rows: that its frame takes: one, or one for each instance that is looked at.
    period_s: between its frames, measured.
    waiting: when the frames that wait came, the next one first.
    since_s: when the one came whose place the next one has: a fresher one that replaces another keeps its place.
    turn_s: when a frame last began; before that, when the first one came.
    spare: the part of the time to its deadlines that is left for what takes longer than usual, as answers turn out.
    job: what is being solved.
    answering: what is being read, the oldest first.
    """

    name: str
    terms: Terms
    pool: object
    rows: int = 1
    period_s: float = 1 / USUAL_FPS
    waiting: deque[float] = field(default_factory=deque)
    since_s: float = 0.0
    turn_s: float = 0.0
    spare: float = LEAST_SPARE
    job: Job | None = None
    answering: deque[Job] = field(default_factory=deque)
    counts: Counts = field(default_factory=Counts)
    _last_s: float | None = None

    def __post_init__(self) -> None:
        if self.terms.fps is not None:
            self.period_s = 1 / self.terms.fps

    def arrived(self, at_s: float, missed: int, most: int) -> int:
        """A frame came, and waits; of more than `most` that wait the oldest are dropped: how many.

        Args:
            missed: frames that came between the last one told of and this one.
        """
        self.counts.dropped += missed
        if self._last_s is not None and at_s > self._last_s:
            gap_s = (at_s - self._last_s) / (1 + missed)
            self.period_s += MOVE * (min(gap_s, PAUSE * self.period_s) - self.period_s)
        if self._last_s is None:
            self.turn_s = at_s
        self._last_s = at_s
        if not self.waiting:
            self.since_s = at_s
        self.waiting.append(at_s)
        dropped = max(0, len(self.waiting) - most)
        for _ in range(dropped):
            self.waiting.popleft()
        self.counts.dropped += dropped
        return dropped

    def begin(self, now_s: float) -> None:
        """The next frame that waits is being solved from now on."""
        due_s, at_s = self.waiting_due_s, self.waiting.popleft()
        self.job = Job(at_s, due_s, at_s + (self.terms.deadline_s or self.period_s), self.turn_s)
        self.turn_s = now_s
        if self.waiting:
            self.since_s = self.waiting[0]

    @property
    def waiting_due_s(self) -> float:
        """When the next that waits must be done."""
        return self.since_s + min(self.terms.deadline_s or self.period_s, self.period_s)

    @property
    def at_hand(self) -> int:
        """Frames that have come and are not accounted for."""
        return len(self.waiting) + (self.job is not None) + len(self.answering)

    def step(self) -> None:
        assert self.job is not None
        self.job.steps += 1

    def answer(self) -> None:
        """What is being solved is read; another frame may begin."""
        assert self.job is not None
        self.answering.append(self.job)
        self.job = None

    def published(self, now_s: float) -> None:
        """What was read first is out."""
        job = self.answering.popleft()
        self.counts.processed += 1
        in_time = now_s <= job.deadline_s
        self.counts.in_time += in_time
        self.spare = min(MOST_SPARE, max(LEAST_SPARE, self.spare + (IN_TIME if in_time else LATE)))
        self.counts.steps += job.steps

    def lose(self) -> None:
        """What is being solved met an error."""
        if self.job is not None:
            self.counts.failed, self.job = self.counts.failed + 1, None

    def lose_answer(self) -> None:
        """What is being read did."""
        self.answering.popleft()
        self.counts.failed += 1

    def again(self) -> bool:
        """What is being solved waits again, unless a fresher frame does; whether it does."""
        job, self.job = self.job, None
        if job is None:
            return False
        if self.waiting:
            self.counts.dropped += 1
            return False
        self.since_s = job.arrived_s
        self.waiting.append(job.arrived_s)
        return True
