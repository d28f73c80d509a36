"""The ticks: one thread that has the engines, asks the scheduler what to do next, and does it."""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from time import monotonic, perf_counter
from typing import Any, TypeVar

import torch

from streamdeq import threads
from streamdeq.errors import StreamdeqError
from streamdeq.serving.scheduler import Costs, Scheduler, Spent
from streamdeq.serving.server.answers import Answers, Unread, failed
from streamdeq.serving.server.measure import measure
from streamdeq.serving.server.published import Hub
from streamdeq.serving.server.served import ServedCamera
from streamdeq.streaming.engine import Engine
from streamdeq.values.geometry import HW

T = TypeVar("T")
log = logging.getLogger("streamdeq.serving")
#: Longest sleep without news.
IDLE_S = 1.0


class Ticks:
    """The loop. Other threads may `call` into it, and read counts under `lock`.

    Attributes:
        cameras: by name; changed by calls alone.
    """

    def __init__(self, hub: Hub) -> None:
        self.cameras: dict[str, ServedCamera] = {}
        self.scheduler = Scheduler()
        self.lock = threading.RLock()
        self._hub = hub
        self._answers = Answers(self.scheduler, self.lock, hub)
        self._like: dict[str, Costs] = {}
        self._calls: list[tuple[Callable[[], Any], Future[Any]]] = []
        self._woken = threading.Condition()
        self._threads = torch.get_num_threads()
        self._stirred = self._stopping = False
        self._thread = threading.Thread(target=self._run, name="ticks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self.wake()
        self._thread.join()

    @property
    def running(self) -> bool:
        return self._thread.is_alive() and not self._stopping

    def wake(self) -> None:
        """Something has come."""
        with self._woken:
            self._stirred = True
            self._woken.notify()

    def call(self, work: Callable[[], T]) -> T:
        """Have something done between two ticks, with no answer under way; its result, or its error."""
        future: Future[T] = Future()
        with self._woken:
            self.check_running()
            self._calls.append((work, future))
        self.wake()
        return future.result()

    def check_running(self) -> None:
        if self._stopping or not self._thread.is_alive():
            raise StreamdeqError("this server is not running; use it as a context manager")

    def know(self, camera: ServedCamera, frame_hw: HW) -> tuple[object, ...]:
        """The pool of a camera's frames of a size; what work on it costs is measured if nobody has."""
        pool = camera.pool(frame_hw)
        if not self.scheduler.knows(pool):
            model = camera.model.name
            threads.use(self._threads)
            self._like[model] = measure(camera.state.engine, frame_hw, self._like.get(model))
            self.scheduler.measure(pool, self._like[model])
        return pool

    # -- the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._answers.start()
            self._loop()
        except BaseException:
            log.exception("the ticks have ended; restart the server")
        finally:
            with self._woken:
                self._stopping = True
            self._answers.close()
            self._obey()
            threads.use(self._threads)
            self._hub.end()

    def _loop(self) -> None:
        while not self._stopping:
            self._obey()
            began_s = perf_counter()
            with self.lock:
                for camera in self.cameras.values():
                    self.collect(camera)
                tick = self.scheduler.tick(monotonic())
            if tick:
                self._leave_cores()
                _Work(self, self._answers, began_s).do(tick.read, tick.start, tick.step)
            else:
                with self._woken:
                    if not self._stirred:
                        self._woken.wait(IDLE_S)
                    self._stirred = False

    def _leave_cores(self) -> None:
        """To executors with threads of their own: torch's, woken for every small thing, would take turns with them."""
        own = all(camera.state.engine.functions.own_threads for camera in self.cameras.values())
        threads.use(1 if own else self._threads)

    def _obey(self) -> None:
        with self._woken:
            calls, self._calls = self._calls, []
        if calls:
            self._answers.wait()
        for work, future in calls:
            try:
                future.set_result(work())
            except BaseException as error:  # whoever asked hears of it
                future.set_exception(error)

    def collect(self, camera: ServedCamera) -> None:
        """What has come from a camera."""
        arrived, name = camera.feed.take(), camera.name
        camera.figures.thinned += arrived.thinned
        if arrived.failed:
            self.scheduler.failed(name, arrived.failed)
        self.scheduler.dropped(name, arrived.thinned)
        missed = arrived.dropped - arrived.thinned
        if not arrived.frames:
            self.scheduler.dropped(name, missed)
        for came in arrived.frames:
            try:
                hw = came.frame.image.shape[:2]
                self.scheduler.change(name, pool=self.know(camera, (hw[0], hw[1])))
            except StreamdeqError as error:  # frames that no model can look at
                log.warning("camera %s: %s", name, error)
                self.scheduler.dropped(name, missed)
                self.scheduler.failed(name)
            else:
                camera.wait(came, self.scheduler.arrived(name, came.at_s, missed))
            missed = 0


class _Work:
    """One tick's work. What meets an error costs its own camera a frame, and nobody else anything.

    Args:
        began_s: when the tick was, by `perf_counter`.
    """

    def __init__(self, ticks: Ticks, answers: Answers, began_s: float) -> None:
        self._ticks, self._answers, self._began_s = ticks, answers, began_s
        self._spent: dict[object, Spent] = defaultdict(Spent)

    def do(self, read: Sequence[str], start: Sequence[str], step: Sequence[str]) -> None:
        cameras = self._ticks.cameras
        self._read([cameras[name] for name in read])
        self._start([cameras[name] for name in start])
        self._step([cameras[name] for name in step if cameras[name].solving is not None])
        with self._ticks.lock:
            self._share_the_rest()
            for pool, spent in self._spent.items():
                self._ticks.scheduler.spent(pool, spent)

    def _share_the_rest(self) -> None:
        """Time that is nobody's, for deciding and book-keeping, is that of the steps: a tick is as long as it is."""
        stepped = [spent for spent in self._spent.values() if spent.rows]
        known_s = sum(spent.start_s + spent.step_s + spent.read_s for spent in self._spent.values())
        for spent in stepped:
            spent.step_s += max(0.0, perf_counter() - self._began_s - known_s) / len(stepped)

    def _read(self, cameras: Sequence[ServedCamera]) -> None:
        """What the model says of their frames, handed on to be made answers of."""
        if not cameras:
            return
        began_s, lost = perf_counter(), self._ticks.scheduler.lost_answer
        self._answers.wait()  # what those before are made of may lie where this will
        unread = list[Unread]()
        for engine, group in _by_engine([one for one in cameras if one.state.regions is None]):
            outputs = self._try(group, partial(engine.outputs, [one.state.row for one in group]), lost)
            unread += [
                Unread(one, one.hand_over(), said.answer) for one, said in zip(group, outputs or (), strict=False)
            ]
            began_s = self._was_read(group, began_s)
        for camera in (one for one in cameras if one.state.regions is not None):
            if camera.solving is None:
                continue
            answer = self._try([camera], partial(camera.state.read, camera.solving.frame), lost)
            if answer is not None:
                unread.append(Unread(camera, camera.hand_over(), lambda answer=answer: answer))
            began_s = self._was_read([camera], began_s)
        self._answers.hand(sorted(unread, key=lambda one: one.asked.deadline_s))

    def _was_read(self, cameras: Sequence[ServedCamera], began_s: float) -> float:
        """Note what that took; the time."""
        now_s, spent = perf_counter(), self._spent_on(cameras)
        spent.reads, spent.read_s = spent.reads + len(cameras), spent.read_s + now_s - began_s
        return now_s

    def _start(self, cameras: Sequence[ServedCamera]) -> None:
        scheduler = self._ticks.scheduler
        for camera in cameras:
            camera.begin()
            camera.deadline_s = scheduler.deadline_s(camera.name)
        whole = [camera for camera in cameras if camera.state.regions is None]
        for engine, group in _by_engine(whole):
            for keep in (True, False):
                some = [one for one in group if (one.config.start == "previous") is keep]
                if some:
                    self._timed(some, partial(_observe, engine, some, keep))
        for camera in cameras:
            if camera.state.regions is not None:
                self._timed([camera], partial(_locate, camera))
                with self._ticks.lock:
                    scheduler.rows(camera.name, max(1, len(camera.rows)))

    def _timed(self, cameras: Sequence[ServedCamera], work: Callable[[], object]) -> None:
        began = perf_counter()
        self._try(cameras, work, self._ticks.scheduler.lost)
        spent = self._spent_on(cameras)
        spent.starts, spent.start_s = spent.starts + len(cameras), spent.start_s + perf_counter() - began

    def _step(self, cameras: Sequence[ServedCamera]) -> None:
        for engine, group in _by_engine(cameras):
            rows = [row for camera in group for row in camera.rows]
            began = perf_counter()
            self._try(group, partial(engine.iterate, rows), self._ticks.scheduler.lost)
            engine.functions.wait()
            spent = self._spent_on(group)
            spent.rows, spent.step_s = spent.rows + len(rows), spent.step_s + perf_counter() - began

    def _spent_on(self, cameras: Sequence[ServedCamera]) -> Spent:
        """Those of one pool."""
        with self._ticks.lock:
            return self._spent[self._ticks.scheduler.pool(cameras[0].name)]

    def _try(self, cameras: Sequence[ServedCamera], work: Callable[[], T], lost: Callable[[str], object]) -> T | None:
        """The result; None if there was an error, which costs these cameras the frame at hand."""
        try:
            return work()
        except Exception as error:  # whatever it is, the other cameras go on
            failed(cameras, error)
            with self._ticks.lock:
                for camera in cameras:
                    lost(camera.name)
                    camera.solving = None
            return None


def _observe(engine: Engine, cameras: Sequence[ServedCamera], keep: bool) -> None:
    """New frames for cameras that see all of them."""
    solving = [camera.solving for camera in cameras if camera.solving is not None]
    for camera, came in zip(cameras, solving, strict=True):
        if came.gap_s > camera.state.options.max_gap_s:
            engine.reset(camera.state.row)
    engine.observe([camera.state.row for camera in cameras], [came.frame for came in solving], keep=keep)


def _locate(camera: ServedCamera) -> None:
    """A new frame for a camera that looks at instances: their windows open, move and close."""
    assert camera.solving is not None
    if camera.solving.gap_s > camera.state.options.max_gap_s:
        for row in camera.rows:
            camera.state.engine.reset(row)
    camera.state, _ = camera.state.observe(camera.solving.frame)


def _by_engine(cameras: Sequence[ServedCamera]) -> list[tuple[Engine, list[ServedCamera]]]:
    grouped: dict[int, tuple[Engine, list[ServedCamera]]] = {}
    for camera in cameras:
        grouped.setdefault(id(camera.state.engine), (camera.state.engine, []))[1].append(camera)
    return list(grouped.values())
