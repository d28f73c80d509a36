"""Functions that become faster while they are used: torch computes until something better is ready.

A name waits for that executor before the first frame of a size, so that the same frames give the same bits every time.
`auto` waits for nothing: what has been measured on this machine before is loaded beside the stream, what has not is
tried beside it, and the fastest takes over between two frames; the latent is float32 whoever computes.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

from torch import Tensor

from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.models.cells import Injection
from streamdeq.registry import unknown
from streamdeq.runtime.executor import HW, Executor
from streamdeq.runtime.functions import Functions
from streamdeq.runtime.kinds import EXECUTORS
from streamdeq.runtime.threaded import Threaded, by_torch
from streamdeq.runtime.trial import attempt, known

EAGER, AUTO = "eager", "auto"
#: Frames of a size before `auto` tries something on it: a few pictures are not worth the work. Sizes at the most.
FRAMES, SIZES = 30, 4
#: How much faster than torch an executor must be to take over.
LEAST = 1.1
log = logging.getLogger("streamdeq.runtime")


@dataclass
class _Place:
    """What computes on one canvas: `executor` now, `next` from the next frame on."""

    executor: Executor
    next: Executor | None = None
    frames: int = 0
    asked: bool = False
    tried: bool = False


@dataclass
class Switching(Executor):
    """The functions of a model, by whatever `name` means on each canvas.

    Raises:
        StreamdeqError: there is nothing of that name, or it cannot compute these functions here.
    """

    functions: Functions
    name: str
    _places: dict[HW, _Place] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._torch, self._warned = by_torch(self.functions), False
        if self.name == AUTO:
            return
        if self.name not in EXECUTORS:
            raise StreamdeqError(unknown("runtime", self.name, [AUTO, EAGER, *EXECUTORS]))
        if why := EXECUTORS[self.name].missing(self.functions):
            raise StreamdeqError(f"the runtime {self.name} cannot be used here: {why}")

    def inject(self, pictures: Tensor, canvas_hw: HW) -> Injection:
        place = self._place(pictures, canvas_hw)
        if place.next is not None:
            place.executor, place.next = place.next, None
        return place.executor.inject(pictures, canvas_hw)

    def zeros(self, injection: Injection) -> Latent:
        return self.functions.zeros(injection)

    def step(self, z: Latent, injection: Injection) -> Latent:
        return self._at(z).step(z, injection)

    def predict(self, z: Latent) -> Any:
        return self._at(z).predict(z)

    def wait(self) -> None:
        self.functions.wait()

    @property
    def own_threads(self) -> bool:  # type: ignore[override]
        places = list(self._places.values())
        return bool(places) and all(place.executor.own_threads for place in places)

    def _at(self, z: Latent) -> Executor:
        h, w = z.shapes[0][1:]
        place = self._places.get((4 * h, 4 * w))
        return self._torch if place is None else place.executor

    def _place(self, pictures: Tensor, canvas_hw: HW) -> _Place:
        place = self._places.get(canvas_hw)
        if place is None:
            place = _Place(self._torch)
            if self.name != AUTO:
                place.executor = self._named(pictures, canvas_hw)
            if len(self._places) >= SIZES:  # pictures of all sizes: nothing is kept for more than a few
                self._warn()
                del self._places[next(iter(self._places))]
            self._places[canvas_hw] = place
        place.frames += 1
        if self.name == AUTO and (not place.asked or (place.frames >= FRAMES and not place.tried)):
            place.tried, place.asked = place.asked, True
            Thread(target=self._choose, args=(place, pictures.clone(), canvas_hw, place.tried), daemon=True).start()
        return place

    def _warn(self) -> None:
        if self.name != AUTO and not self._warned:
            log.warning("pictures of many sizes: %s takes seconds for each; use --runtime eager", self.name)
            self._warned = True

    def _named(self, pictures: Tensor, canvas_hw: HW) -> Executor:
        folder, trial = attempt(self.name, self.functions, pictures, canvas_hw)
        if trial.problem:
            raise StreamdeqError(f"the runtime {self.name} cannot be used here: {trial.problem}; use --runtime eager")
        return EXECUTORS[self.name].load(self.functions, canvas_hw, folder)

    def _choose(self, place: _Place, pictures: Tensor, canvas_hw: HW, trying: bool) -> None:
        """In a thread: what is fastest here, of what is known or, if `trying`, of all."""
        try:
            best, speedup, folder = EAGER, LEAST, Path()
            for name in candidates(self.functions):
                quick = trying and EXECUTORS[name].quick
                find = attempt if quick else lambda name, functions, some, hw: known(name, functions, hw, len(some))
                place_of, trial = find(name, self.functions, pictures, canvas_hw)
                if trial is not None and trial.speedup > speedup:
                    best, speedup, folder = name, trial.speedup, place_of
            if best != EAGER:
                place.next = EXECUTORS[best].load(self.functions, canvas_hw, folder)
                log.info("%s computes %dx%d from now on: %.1f times as fast", best, *canvas_hw, speedup)
        except Exception as error:  # whatever goes wrong here, torch goes on
            log.warning("torch goes on computing: %s: %s", type(error).__name__, error)


def candidates(functions: Functions) -> list[str]:
    """The executors that can compute these functions here, by name."""
    return [name for name in EXECUTORS if EXECUTORS[name].missing(functions) is None]


def named(functions: Functions, name: str) -> Functions | Threaded | Switching:
    """What computes the functions, by the name that `--runtime` has for it.

    Raises:
        StreamdeqError: as `Switching`.
    """
    return by_torch(functions) if name == EAGER else Switching(functions, name)
