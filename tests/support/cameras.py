"""Cameras without a device: arrays played at a rate, and a model whose answers are its latents, to all digits."""

import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from streamdeq.models.architecture import Architecture
from streamdeq.serving.server import CameraConfig, ModelConfig, Published, Server, ServerConfig, Subscription
from streamdeq.tasks import Choice
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


def server_of(model: Any = None, **settings: Any) -> Server:
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
