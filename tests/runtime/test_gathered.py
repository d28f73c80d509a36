"""Functions for several threads: what is asked at the same time is computed together, and each gets its own."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from support.small_models import network_functions

from streamdeq.latent import Latent
from streamdeq.runtime.gathered import Gathered


class Counted:
    """Doubles what it is given; says how many rows each call had, and waits at the first until all have asked."""

    def __init__(self, gate: threading.Event) -> None:
        self.rows: list[int] = []
        self.gate = gate

    def predict(self, z: Latent) -> torch.Tensor:
        self.rows.append(z.rows)
        self.gate.wait(60)
        if (z.maps[0] < 0).any():
            raise ValueError("negative")
        return 2 * z.maps[0]


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What each thread's work gives, or the error it ends with."""
    answers: list[Any] = [None] * count

    def run(n: int) -> None:
        try:
            answers[n] = work(n)
        except Exception as error:
            answers[n] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def asked(gathered: Gathered, count: int, value: Callable[[int], float]) -> list[Any]:
    """Thread 0 asks alone; while it is computed the others ask; then all are let go."""
    gate, counted = threading.Event(), gathered._functions

    def work(n: int) -> torch.Tensor:
        while n and not counted.rows:
            threading.Event().wait(0.001)
        if n == count - 1:
            while len(gathered._waiting) < count - 2:
                threading.Event().wait(0.001)
            threading.Timer(0.2, gate.set).start()
        return gathered.predict(Latent((torch.full((1, 2), value(n)),)))

    counted.gate = gate
    return in_threads(count, work)


def test_those_who_ask_while_one_is_computed_are_computed_together():
    gathered = Gathered(Counted(threading.Event()))
    answers = asked(gathered, 5, float)
    assert [answer.tolist() for answer in answers] == [[[2.0 * n] * 2] for n in range(5)]
    assert gathered._functions.rows == [1, 4]


def test_an_error_is_of_the_one_who_caused_it():
    gathered = Gathered(Counted(threading.Event()))
    answers = asked(gathered, 4, lambda n: -1.0 if n == 2 else float(n))
    assert [type(answer) for answer in answers] == [torch.Tensor, torch.Tensor, ValueError, torch.Tensor]
    assert answers[3].tolist() == [[6.0, 6.0]]
    assert gathered._functions.rows == [1, 3, 1, 1, 1]


def test_one_thread_alone_gets_what_the_functions_give():
    functions, _ = network_functions()
    gathered = Gathered(functions)
    pictures = torch.randint(0, 255, (2, 3, 32, 32), dtype=torch.uint8)
    ours, theirs = (made.inject(pictures, (32, 32)) for made in (gathered, functions))
    z = functions.zeros(theirs)
    for a, b in zip(gathered.step(z, ours).maps, functions.step(z, theirs).maps, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_threads_with_pictures_of_different_sizes_each_get_their_own():
    functions, _ = network_functions()
    gathered = Gathered(functions)
    sizes = [(32, 32), (32, 48), (32, 32), (48, 32), (32, 48)]
    pictures = [torch.randint(0, 255, (1, 3, *size), dtype=torch.uint8) for size in sizes]

    def work(made: Any, n: int) -> Latent:
        injection = made.inject(pictures[n], sizes[n])
        z = made.zeros(injection)
        for _ in range(4):
            z = made.step(z, injection)
        return z

    together = in_threads(5, lambda n: work(gathered, n))
    for n in range(5):
        for a, b in zip(together[n].maps, work(functions, n).maps, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rows", [(9, 9), (20, 1)])
def test_a_batch_has_a_most_of_rows_and_none_is_divided(rows):
    gate = threading.Event()
    gathered = Gathered(Counted(gate))

    def work(n: int) -> torch.Tensor:
        if n:
            while len(gathered._waiting) < n - 1 or not gathered._functions.rows:
                threading.Event().wait(0.001)
        if n == 2:
            threading.Timer(0.2, gate.set).start()
        return gathered.predict(Latent((torch.ones((1, *rows)[n], 2),)))

    answers = in_threads(3, work)
    assert [len(answer) for answer in answers] == [1, *rows]
    assert gathered._functions.rows == [1, *rows]
