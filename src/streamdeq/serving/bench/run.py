"""The measurements: accuracy over load, and how many cameras each way holds; all ways in one run, on one machine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter

from streamdeq.api import Model, load
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.peers import load_peer
from streamdeq.running.memory import keep_memory
from streamdeq.serving.bench.baselines import LEAD_S, Fixed, FrameByFrame, in_step, one_after_another, play, warm_up
from streamdeq.serving.bench.outcome import Figures, Outcome, figures_of
from streamdeq.serving.bench.processes import play_processes
from streamdeq.serving.bench.served import play_served
from streamdeq.serving.bench.settings import CamerasSettings, Way
from streamdeq.serving.bench.show import Film, Show, films_of
from streamdeq.solvers import make_solver
from streamdeq.streaming.engine import Engine
from streamdeq.streaming.loop import run_frames
from streamdeq.values.frame import Frame

#: Of the frames that came so many have to be answered in time by a camera that is held: the 99th percentile.
HIT = 0.99
#: Ways without steps that could be one.
ALONE = ("frames", "peer")
#: Seconds of a measurement of what the machine does.
CAPACITY_S = 1.5


@dataclass(frozen=True)
class Point:
    """What one way made of a show.

    Args:
        steps: applications of f per frame, of `served` at the most.
        load: arrivals over the capacity at `max_steps`. least: over that at one step.
    """

    way: Way
    steps: int
    cameras: int
    fps: float
    load: float
    least: float
    figures: Figures


@dataclass(frozen=True)
class CamerasBench:
    """Args:
    capacity: frames per second of all cameras in one batch, at `max_steps` and at one.
    curve: over the load, with so many cameras.
    held: the most cameras of which `HIT` of the frames were answered in time, by way, at one step.
    """

    model: str
    films: int
    frame_hw: tuple[int, int]
    capacity: tuple[float, float]
    curve: tuple[Point, ...]
    held: tuple[Point, ...]


@dataclass(frozen=True)
class EngineOf:
    """Makes the engine of a model, in whichever process."""

    weights: str
    device: str
    precision: str
    steps: int
    size: int | None
    runtime: str

    def __call__(self) -> Engine:
        return self.of(load(self.weights, self.device, self.precision))

    def of(self, model: Model) -> Engine:
        return model.engine(make_solver(model.spec.solver, self.steps), self.size, self.runtime)


class Bench:
    """Args:
    peer: name and weights of the network that answers in the way "peer"; without one that way is left out.
    say: told of every measurement, in a line.

    Raises:
        StreamdeqError: no such model, data or peer, or they do not fit each other.
    """

    def __init__(
        self,
        weights: str,
        data: str,
        split: str,
        settings: CamerasSettings,
        device: str = "auto",
        precision: str = "auto",
        peer: tuple[str, Path] | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        keep_memory()  # as the server does: no way has it harder
        self.settings, self._say = settings, say
        self.model = load(weights, device, precision)
        found = self.model.functions.device
        self._peer = peer and load_peer(*peer, self.model.spec, found, precision)
        self.ways: tuple[Way, ...] = tuple(way for way in settings.ways if way != "peer" or self._peer is not None)
        if not self.ways:
            raise StreamdeqError("--way peer: expected --peer NAME=FILE, the network that answers")
        self.films: tuple[Film, ...] = films_of(data, split, self.model.spec, settings.frames)
        self._frame_steps = self._evaluations(self.model.spec.reference_solve.iterations)
        most = max(self._frame_steps, settings.max_steps)
        self._engine_of = EngineOf(weights, device, precision, most, settings.size, settings.runtime)

    def run(self) -> CamerasBench:
        settings = self.settings
        capacity = (self.capacity(settings.cameras, settings.max_steps), self.capacity(settings.cameras, 1))
        self._say(f"in lock-step {capacity[0]:.1f} frames/s at {settings.max_steps} steps, {capacity[1]:.1f} at 1")
        curve = [point for load_ in settings.loads(capacity) for point in self._at_load(load_, capacity)]
        held = [self._held(way, capacity) for way in self.ways if settings.held and way not in ALONE]
        height, width = self.films[0].images[0].shape[:2]
        return CamerasBench(self.model.spec.name, len(self.films), (height, width), capacity, tuple(curve), tuple(held))

    def capacity(self, cameras: int, steps: int) -> float:
        """Frames per second with the newest frames of so many cameras in one batch, nothing else being done."""
        engine = self._engine_of.of(self.model)
        rows = [engine.open() for _ in range(cameras)]
        films, seconds, began = self.films, [], perf_counter()
        while len(seconds) < 4 or perf_counter() - began < CAPACITY_S:
            turn = len(seconds)
            frames = [
                Frame(films[k % len(films)].images[turn % len(films[k % len(films)].images)], turn, 0.0)
                for k in range(cameras)
            ]
            start = perf_counter()
            run_frames(engine, rows, frames, steps)
            seconds.append(perf_counter() - start)
        return cameras / median(seconds[1:])

    # -- inside ------------------------------------------------------------------------------------------

    def _at_load(self, load_: float, capacity: tuple[float, float]) -> Iterator[Point]:
        settings = self.settings
        fps = load_ * capacity[0] / settings.cameras
        for way in self.ways:
            yield self._measure(way, settings.max_steps, settings.cameras, fps, capacity, settings.resamples)

    def _held(self, way: Way, capacity: tuple[float, float]) -> Point:
        """Search for the most cameras at one step, from what the capacity lets one expect; one, where none is held."""
        settings = self.settings
        together = way in ("served", "lockstep")
        guess = max(1, int((capacity[1] if together else self.capacity(1, 1)) / settings.fps))
        seen: dict[int, Point] = {}

        def holds(cameras: int) -> bool:
            if cameras not in seen:
                seen[cameras] = self._measure(way, 1, cameras, settings.fps, capacity)
            return seen[cameras].figures.hit >= HIT

        most, cameras = 0, guess
        too_many: int | None = None
        while too_many is None or too_many - most > 1:
            if holds(cameras):
                most, cameras = cameras, cameras + max(1, cameras // 4)
            else:
                too_many = cameras
            if too_many is not None:
                cameras = max(1, (most + too_many) // 2)
        return seen[max(1, most)]

    def _measure(
        self, way: Way, steps: int, cameras: int, fps: float, capacity: tuple[float, float], resamples: int = 0
    ) -> Point:
        show = Show.of(self.films, cameras, fps, self.settings.seconds, self.settings)
        if way == "frames":
            steps = self._frame_steps
        elif way == "peer":
            steps = 1
        outcome = self._play(way, show, steps)
        figures = figures_of(outcome, show, self.model.task, self.settings.settle, resamples)
        arrivals = cameras * fps * (1 - self.settings.dropout)
        point = Point(way, steps, cameras, fps, arrivals / capacity[0], arrivals / capacity[1], figures)
        self._say(
            f"{way} at {steps}: {cameras} cameras at {fps:.1f} fps, load {point.load:.2f}: {figures.hit:.1%} in time, "
            f"{figures.dropped} dropped, {figures.steps:.1f} steps, {figures.shown.text()} shown"
        )
        return point

    def _play(self, way: Way, show: Show, steps: int) -> Outcome:
        if way == "served":
            return play_served(show, self.model, self.settings, steps)
        if way == "processes":
            return play_processes(show, self._engine_of, steps)
        if way == "peer":
            assert self._peer is not None
            for _ in range(2):
                self._peer.answer(show.image(0, 0))
            return play(show, FrameByFrame(self._peer), one_after_another, monotonic() + LEAD_S)
        engine = self._engine_of.of(self.model)
        fixed = Fixed(engine, [engine.open() for _ in range(show.cameras)], steps, warm=way != "frames")
        warm_up(show, fixed, show.cameras if way == "lockstep" else 1)
        pick = in_step(show.cameras, show.deadline_s) if way == "lockstep" else one_after_another
        return play(show, fixed, pick, monotonic() + LEAD_S)

    def _evaluations(self, iterations: int) -> int:
        return make_solver(self.model.spec.solver, iterations).evaluations(iterations)
