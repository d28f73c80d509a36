"""A model that cameras share, and a camera between its source and its answers."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from streamdeq.api import Model
from streamdeq.errors import StreamdeqError
from streamdeq.rules.config import Rules, rules_for
from streamdeq.serving.server.config import CameraConfig, ModelConfig
from streamdeq.serving.server.feed import Came, Feed, without
from streamdeq.serving.server.privacy import blurred, check_blur
from streamdeq.serving.server.published import Published
from streamdeq.serving.server.reports import Figures
from streamdeq.serving.server.zone import zone_filter
from streamdeq.solvers import make_solver
from streamdeq.streaming.engine import Engine, Row
from streamdeq.streaming.locate import Locator
from streamdeq.streaming.state import StreamState
from streamdeq.tasks import Choice
from streamdeq.values.geometry import HW
from streamdeq.values.status import Stop

#: Steps that solvers with memory have room for.
MOST_STEPS = 20


class ServedModel:
    """A loaded model, and an engine for each size that its cameras are computed at."""

    def __init__(self, name: str, config: ModelConfig, model: Model) -> None:
        self.name, self.config, self.model = name, config, model
        self._engines: dict[int | str | None, Engine] = {}

    def engine(self, size: int | str | None) -> Engine:
        if size not in self._engines:
            solver = make_solver(self.config.solver or self.model.spec.solver, MOST_STEPS)
            self._engines[size] = self.model.engine(solver, size, self.config.runtime)
        return self._engines[size]


@dataclass(frozen=True, eq=False)
class Wishes:
    """What a camera wants of its answers.

    Args:
        locate: where its instances are; None for whole frames.
        choose: from an answer to what of it is shown; remembers the tracks.
        zone: from that to what is in the zone.
        rules: that watch it.
    """

    locate: Locator | None
    choose: Callable[[Any], Any]
    zone: Callable[[Any], Any]
    rules: Rules | None = None

    @staticmethod
    def of(config: CameraConfig, model: Model) -> "Wishes":
        """Raises StreamdeqError where the model cannot give what the camera wants."""
        joins = model.task.joins
        if joins and config.boxes is None and config.choice != Choice():
            raise StreamdeqError("conf, classes and track choose among a detector's boxes; boxes names none")
        rules = None if config.rules is None else rules_for(model.task, config.rules)
        check_blur(model.task, config.blur)
        choose = model.task.chooser(Choice() if joins else config.choice)
        zone = zone_filter(model.task, config.zone)
        locate = model.locator(config.boxes, config.choice if joins else None, config.source)
        return Wishes(locate, choose, zone, rules)


@dataclass(frozen=True, eq=False)
class Asked:
    """A frame that an answer is made to, and when that is late."""

    came: Came
    deadline_s: float


class ServedCamera:
    """A camera. Only the ticks touch `state` and what is at hand; answers are made beside them.

    Attributes:
        state: its latent and all that goes with it.
        waiting: frames that have not begun, in order, as the scheduler counts them.
        solving: the frame that has begun.
        warm: whether it went on from a saved state.
    """

    def __init__(self, name: str, config: CameraConfig, model: ServedModel, wishes: Wishes, feed: Feed) -> None:
        self.name, self.config, self.model, self.wishes, self.feed = name, config, model, wishes, feed
        self.state: StreamState = model.model.begin(
            config.options(model.config), wishes.locate, engine=model.engine(config.size)
        )
        self.figures = Figures()
        self.latest: Published | None = None
        self.waiting: deque[Came] = deque()
        self.solving: Came | None = None
        self.deadline_s = 0.0
        self.warm = False

    @property
    def rows(self) -> list[Row]:
        return self.state.rows

    def pool(self, frame_hw: HW) -> tuple[object, ...]:
        """What tells whose rows its own share batches with, for frames of a size."""
        engine = self.state.engine
        fit = engine.fit(frame_hw)
        return (id(engine), fit.canvas_hw, self.config.boxes)

    def take_up(self, state: StreamState) -> None:
        """Go on from another state, with what the camera is asked for now."""
        self.state = replace(state, options=self.config.options(self.model.config))

    def wait(self, came: Came, dropped: int) -> None:
        """One more frame waits; of those before it so many no longer do, but how long the source was away is kept."""
        self.waiting = deque(without([*self.waiting, came], dropped))

    def begin(self) -> None:
        """The next frame that waits is being solved from now on; the row has it already where it sees whole frames."""
        self.solving = self.waiting.popleft()
        self.state = replace(self.state, next_index=self.solving.frame.index + 1)

    def again(self, *, waits: bool) -> None:
        """What was being solved waits again, or is dropped."""
        if waits and self.solving is not None:
            self.waiting.appendleft(self.solving)
        self.solving = None

    def hand_over(self) -> Asked:
        """What was being solved, to be answered; another frame may begin."""
        assert self.solving is not None
        came, self.solving = self.solving, None
        return Asked(came, self.deadline_s)

    def publish(self, asked: Asked, answer: Any) -> Published:
        """What the answer is to be when it is out."""
        frame, status = asked.came.frame, answer.status
        stopped = Stop.ITERATIONS if status.nfe >= self.config.max_steps else Stop.DEADLINE
        image = frame.image
        if self.config.blur:
            image = blurred(image, answer, self.config.blur)
        shown = self.wishes.zone(self.wishes.choose(answer))
        shown = replace(shown, status=replace(status, stopped=stopped, gap_s=asked.came.gap_s))
        frame = replace(frame, image=image)
        task, rules = self.model.model.task, self.wishes.rules
        self.latest = Published(self.name, frame, shown, asked.came.at_s, monotonic(), asked.deadline_s, task, rules)
        return self.latest

    def close(self) -> None:
        """Give the rows back."""
        for row in {id(row): row for row in (self.state.row, *self.rows)}.values():
            self.state.engine.close(row)


def moved(state: StreamState, to: ServedModel, config: CameraConfig, locate: Locator | None) -> StreamState:
    """A camera's state in another model's engine: with its latent, where that has the same architecture."""
    engine = to.engine(config.size)
    begun = to.model.begin(config.options(to.config), locate, engine=engine)
    if begun.architecture != state.architecture or not state.next_index or (begun.regions is None) != (not locate):
        return begun
    adopted = {id(row): _adopted(state.engine, row, engine) for row in state.rows}
    if state.regions is None or begun.regions is None:
        return replace(begun, row=adopted[id(state.row)], next_index=state.next_index)
    rows = {key: adopted[id(row)] for key, row in state.regions.rows.items() if id(row) in adopted}
    regions = replace(begun.regions, followed=state.regions.followed, rows=rows)
    return replace(begun, regions=regions, next_index=state.next_index)


def _adopted(engine: Engine, row: Row, into: Engine) -> Row:
    return row if row.pool is None else into.adopt(engine.content(row), replace(row, pool=None))
