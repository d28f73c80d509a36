"""Answers are made beside the ticks: in order, none lost, and what goes wrong with one costs one frame."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from support.cameras import ANY, Whole, ended, latent_model, pictures, played, server_of, taken, until, waiting
from support.small_models import network_functions

from streamdeq.latent import Latent
from streamdeq.serving.server import Server
from streamdeq.tasks import Choice
from streamdeq.values.status import Start


class Choosing(Whole):
    """Shows of an answer what `then` makes of it."""

    def __init__(self, then: Callable[[Any], Any]) -> None:
        super().__init__()
        self.then = then

    def chooser(self, choice: Choice) -> Callable[[Any], Any]:
        return self.then


def choosing(then: Callable[[Any], Any], functions: Any = None) -> Server:
    model = latent_model()
    model.task, model.functions = Choosing(then), functions or model.functions
    return server_of(model)


def test_an_answer_that_cannot_be_made_costs_its_camera_that_frame_alone():
    def then(result: Any) -> Any:
        if result.status.frame_index == 6:
            raise ValueError("no answer")
        return result

    with choosing(then) as server:
        subscription = server.subscribe(1000)
        for name, count in (("long", 10), ("short", 5)):
            server.add(name, ANY, waiting(server, name, pictures(count)))
        ended(server, "long", "short")
        reports = server.reports()
    assert [(reports[n].processed, reports[n].failed, reports[n].dropped) for n in ("long", "short")] == [
        (9, 1, 0),
        (5, 0, 0),
    ]
    own = [one for one in taken(subscription) if one.camera == "long"]
    assert [one.frame.index for one in own] == [0, 1, 2, 3, 4, 5, 7, 8, 9]
    assert [one.result.status.start for one in own].count(Start.COLD) == 2


class Counting:
    """A network's functions, and how many steps were made."""

    def __init__(self) -> None:
        self._functions, _ = network_functions()
        self.steps = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._functions, name)

    def step(self, z: Latent, injection: Any) -> Latent:
        self.steps += 1
        return self._functions.step(z, injection)


class Held:
    """The first answer waits until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, result: Any) -> Any:
        self.begun.set()
        assert self.go.wait(60)
        return result


def test_rows_are_stepped_while_an_answer_is_made():
    held, functions = Held(), Counting()
    with choosing(held, functions) as server:
        server.add("b", replace(ANY, max_steps=1_000_000, deadline_ms=1e6), played(pictures(1), 20))
        server.add("a", replace(ANY, max_steps=1), played(pictures(1), 20))
        assert held.begun.wait(60)
        before = functions.steps
        until(lambda: functions.steps > before + 20)
        assert server.reports()["a"].processed == 0
        held.go.set()
        ended(server, "a")
        assert server.reports()["a"].processed == 1


def test_a_server_that_closes_hands_over_the_answer_that_is_being_made():
    held = Held()
    server = choosing(held)
    server.__enter__()
    subscription = server.subscribe(10)
    server.add("a", replace(ANY, max_steps=1), played(pictures(1), 20))
    assert held.begun.wait(60)
    closing = threading.Thread(target=server.__exit__, args=(None, None, None))
    closing.start()
    assert subscription.get(timeout=0.1) is None
    held.go.set()
    closing.join(60)
    published = subscription.get(timeout=0)
    assert published is not None
    assert subscription.closed
    assert (server.reports()["a"].processed, server.reports()["a"].at_hand) == (1, 0)


class Noting:
    """Functions that note how many threads torch has while they step."""

    def __init__(self, functions: Any, own_threads: bool) -> None:
        self.functions, self.own_threads = functions, own_threads
        self.threads: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.functions, name)

    def step(self, z: Latent, injection: Any) -> Latent:
        self.threads.append(torch.get_num_threads())
        return self.functions.step(z, injection)


@pytest.mark.parametrize(("own_threads", "expected"), [(True, 1), (False, 2)])
def test_torch_leaves_the_cores_to_executors_with_threads_of_their_own(own_threads: bool, expected: int):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        functions = Noting(network_functions()[0], own_threads)
        with choosing(lambda result: result, functions) as server:
            server.add("a", ANY, played(pictures(6), 20))
            ended(server, "a")
        assert functions.threads[-1] == expected
        assert functions.threads[0] == 2  # while costs are measured
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
