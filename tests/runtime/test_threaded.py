"""How many threads a call gets."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from support.small_models import tiny_model

from streamdeq.runtime import threaded
from streamdeq.runtime.threaded import CALLS, Choice, Threaded


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STREAMDEQ_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "threads"


@pytest.fixture
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def decided(choice: Choice, seconds: dict[int, float]) -> tuple[int, list[int]]:
    """What is chosen where calls take so long, and the ways that were tried, in turn."""
    tried: list[int] = []
    while choice.decided is None:
        tried += [choice.threads] * (choice.threads not in tried)
        choice.took(choice.threads, seconds[choice.threads])
    return choice.decided, tried


@pytest.mark.parametrize(
    ("seconds", "best", "tried"),
    [
        ({8: 0.008, 1: 0.003, 2: 0.005}, 1, [8, 1, 2]),
        ({8: 0.008, 1: 0.003, 2: 0.002, 4: 0.004}, 2, [8, 1, 2, 4]),
        ({8: 0.002, 1: 0.009, 2: 0.005, 4: 0.003}, 8, [8, 1, 2, 4]),
        ({8: 0.2}, 8, [8]),
    ],
    ids=["small work", "in between", "large work", "so large that fewer are not tried"],
)
def test_the_quickest_is_chosen_and_more_than_are_quicker_are_not_tried(seconds, best: int, tried: list[int]) -> None:
    assert decided(Choice(8), seconds) == (best, tried)


def test_the_first_call_of_each_does_not_count() -> None:
    choice = Choice(2)
    for seconds in [(9.0, 0.02, 0.02), (9.0, 0.01, 0.01)]:
        for one in seconds:
            choice.took(choice.threads, one)
    assert choice.decided == 1


class Counting:
    """Functions that take longer with more threads, by a clock that sleeps."""

    def __init__(self, functions: Any) -> None:
        self.functions, self.calls = functions, list[int]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.functions, name)

    def step(self, z: Any, injection: Any) -> Any:
        self.calls.append(torch.get_num_threads())
        time.sleep(0.004 * torch.get_num_threads())
        return self.functions.step(z, injection)


def test_a_step_gets_what_was_quickest_and_the_callers_threads_are_left_alone(four_threads, cache: Path) -> None:
    functions: Any = Counting(tiny_model().functions)
    injection = functions.inject(torch.zeros(1, 3, 32, 48, dtype=torch.uint8), (32, 48))
    z = functions.zeros(injection)
    made = Threaded(functions)
    for _ in range(20):
        z = made.step(z, injection)
        assert torch.get_num_threads() == 4
    assert functions.calls[: 3 * CALLS] == [4] * CALLS + [1] * CALLS + [2] * CALLS
    assert set(functions.calls[3 * CALLS :]) == {1}
    # Whoever comes next knows it, and so has the same bits from the first call on.
    assert [json.loads(file.read_text())["threads"] for file in cache.iterdir()] == [1]
    functions.calls.clear()
    Threaded(functions).step(z, injection)
    assert functions.calls == [1]


def test_another_number_of_rows_is_another_matter_up_to_the_next_power_of_two(four_threads) -> None:
    functions: Any = Counting(tiny_model().functions)
    made = Threaded(functions)
    for rows in (1, 3, 4):
        pictures = torch.zeros(rows, 3, 32, 48, dtype=torch.uint8)
        injection = functions.inject(pictures, (32, 48))
        z = functions.zeros(injection)
        for _ in range(3 * CALLS):
            z = made.step(z, injection)
    assert functions.calls.count(4) == 2 * CALLS  # tried for one row, and for three and four together


def test_what_is_kept_has_a_bound_and_nonsense_in_it_is_found_out_anew(
    four_threads, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threaded, "MOST", 2)
    functions: Any = Counting(tiny_model().functions)
    for side in (32, 48, 64):
        injection = functions.inject(torch.zeros(1, 3, side, 48, dtype=torch.uint8), (side, 48))
        z = functions.zeros(injection)
        made = Threaded(functions)
        for _ in range(3 * CALLS):
            z = made.step(z, injection)
    files = list(cache.iterdir())
    assert len(files) == 2
    for file in files:
        file.write_text('{"threads": "many"}')
    functions.calls.clear()
    Threaded(functions).step(z, injection)
    assert functions.calls == [4]


def test_one_thread_is_not_measured(cache: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tiny_model().stream() as stream:
            for _ in range(10):
                stream(torch.zeros(32, 48, 3, dtype=torch.uint8))
    finally:
        torch.set_num_threads(before)
    assert not cache.exists()
