"""Cameras without a device: arrays played at a rate, and a model whose answers are its latents, to all digits."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np

from streamdeq.models.architecture import Architecture
from streamdeq.serving.server import CameraConfig, ModelConfig, Published, Server, ServerConfig, Subscription
from streamdeq.tasks import Choice
from streamdeq.values.frame import Frame, Item
from streamdeq.video import Paced, Source, open_source
from support.small_models import Answer, StubModel, frames, network_functions, tiny_spec

ANY = CameraConfig("any")


def pictures(count: int, seed: int = 0, hw: tuple[int, int] = (32, 48)) -> list[np.ndarray]:
    return [frame.image for frame in frames(count, seed, hw)]


def played(images: list[np.ndarray], fps: float, *, again: bool = False) -> Callable[[], Source]:
    """Opens a camera that shows these."""

    def arrays() -> Source:
        return open_source(images, fps=fps)

    def camera() -> Source:
        opened = Paced(arrays(), arrays if again else None)
        opened.info = replace(opened.info, size_hw=(images[0].shape[0], images[0].shape[1]))  # as a file knows it
        return opened

    return camera


class Waiting(Paced):
    """Shows the next picture when the server has done with the one before, however long that takes.

    Frames come, by their `captured_s`, at the source's own rate, to the microsecond: what goes by it does not depend on
    when this machine finds the time.
    """

    def __init__(self, source: Source, server: Server, name: str) -> None:
        super().__init__(source)
        self._server, self._name = server, name

    def _once(self, source: Source) -> Iterator[Item]:
        for item in super()._once(source):
            assert isinstance(item, Frame)
            yield replace(item, captured_s=self._began_s + item.time_s)
            until(lambda: self._stop.is_set() or self._answered())

    @cached_property
    def _began_s(self) -> float:
        return time.monotonic()

    def _answered(self) -> bool:
        self._server._ticks.wake()  # a frame that is thinned out wakes nobody
        report = self._server.reports().get(self._name)
        return report is None or not report.at_hand


def waiting(server: Server, name: str, images: list[np.ndarray], fps: float = 100.0) -> Callable[[], Source]:
    """Opens a camera of which the server, under that name, drops no frame."""

    def camera() -> Source:
        opened = Waiting(open_source(images, fps=fps), server, name)
        opened.info = replace(opened.info, size_hw=(images[0].shape[0], images[0].shape[1]))
        return opened

    return camera


class Whole(SimpleNamespace):
    """What of a task a server asks for, where answers are shown as they are."""

    joins = locates = label_maps = False
    spec = tiny_spec(Architecture((8, 8, 16), groups=2, expansion=2))

    def chooser(self, choice: Choice) -> Callable[[Any], Any]:
        return lambda result: result


def latent_model(seed: int = 0) -> StubModel:
    """In float64."""
    functions, stride = network_functions(seed)
    return StubModel(functions, Whole.spec, Whole(), stride=stride)


def server_of(model: Any = None, *, overload: bool = True, **settings: Any) -> Server:
    """Of whatever there is room for on this machine, unless told otherwise."""
    settings["overload"] = overload
    return Server(ServerConfig({"main": ModelConfig("any")}, **settings), {"main": model or latent_model()})


def until(true: Callable[[], bool], patience_s: float = 60) -> None:
    """Waits for it; a test fails that waits too long."""
    end_s = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.01)


def ended(server: Server, *names: str) -> None:
    """Waits until these cameras have shown all they have, and all of it is accounted for."""
    until(lambda: all(server.reports()[n].state == "ended" and not server.reports()[n].at_hand for n in names))


def taken(subscription: Subscription) -> list[Published]:
    """What waits there."""
    every = []
    while (published := subscription.get(timeout=0)) is not None:
        every.append(published)
    return every


def alone(model: StubModel, published: list[Published]) -> list[Answer]:
    """The answers for the same frames with the same steps, of a stream that is the only one."""
    state = model.begin(ANY.options(ModelConfig("any")))
    answers = []
    for one in published:
        state.engine.observe([state.row], [one.frame])
        for _ in range(one.result.status.nfe):
            state.engine.iterate([state.row])
        answers += state.engine.read([state.row])
    return answers
