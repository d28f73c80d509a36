"""Rows on a thread each: who computes which, in which order, and that nothing about a row shows who its mates are."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from streamdeq.runtime.files import FileKind
from streamdeq.runtime.programs import Program
from streamdeq.runtime.spread import Quicker, Rows, least_of, least_rows
from streamdeq.runtime.trial import EXECUTORS

KINDS = ["openvino", pytest.param("onnx", marks=pytest.mark.slow)]


class Said:
    """Doubles its rows; `asked` has what each call was given."""

    def __init__(self) -> None:
        self.alone: list[float] = []
        self.together: list[list[float]] = []

    def one(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        self.alone.append(float(inputs[0]))
        return [2 * inputs[0]]

    def many(self, rows: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        self.together.append([float(row[0]) for row in rows])
        return [torch.cat([2 * row[0] for row in rows])]


@pytest.mark.parametrize(
    ("threads", "least", "rows", "together"),
    [(2, 2, 1, 0), (2, 2, 2, 2), (2, 2, 5, 4), (4, 3, 2, 0), (4, 3, 7, 7), (4, 3, 6, 4), (4, 0, 8, 0), (8, 8, 7, 0)],
)
def test_what_is_left_of_full_rounds_is_computed_by_all_threads(threads: int, least: int, rows: int, together: int):
    said = Said()
    of = Rows(said.one, lambda: said.many, threads, least)
    [doubled] = of([[torch.tensor([float(n)])] for n in range(rows)])
    assert doubled.tolist() == [2.0 * n for n in range(rows)]  # in their order, whoever computed them
    assert sum(map(len, said.together)) == together
    assert said.alone == list(range(together, rows))


def test_what_computes_rows_on_threads_of_their_own_is_opened_when_it_is_needed():
    said, opened = Said(), []
    of = Rows(said.one, lambda: opened.append(1) or said.many, 2, 2)
    row = [torch.tensor([1.0])]
    of([row])
    assert not opened
    of([row, row])
    of([row, row])
    assert opened == [1]


def test_a_row_alone_goes_where_it_takes_less_time_once_both_ways_are_open():
    quicker = Quicker()
    for way, seconds in ((0, 30.0), (0, 3.0), (1, 20.0), (1, 2.0)):  # the first of each does not count
        assert quicker.next() == way
        quicker.took(way, seconds)
    ways = []
    for _ in range(295):
        ways.append(quicker.next())
        quicker.took(ways[-1], 1.0 if ways[-1] == 0 else 2.0)
    assert set(ways[:40]) == {1}
    assert set(ways[-40:]) == {0}  # it was tried again
    said = Said()
    of = Rows(said.one, lambda: said.many, 2, 2)
    rows = [[torch.tensor([float(n)])] for n in range(3)]
    of(rows[:2])
    for _ in range(2):
        of._quicker.took(0, 3.0)
        of._quicker.took(1, 2.0)
    [doubled] = of(rows)
    assert said.together == [[0, 1], [0, 1, 2]]
    assert doubled.tolist() == [0.0, 2.0, 4.0]


# -- with real ones --------------------------------------------------------------------------------------------------


class Halves(Program):
    """x, groups of channels normalised and mixed, as a cell does."""

    name, inputs, outputs = "halves", ("x",), ("out",)

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        torch.manual_seed(0)
        self.mix, self.norm = torch.nn.Conv2d(32, 32, 3, padding=1), torch.nn.GroupNorm(4, 32)
        torch.nn.init.normal_(self.norm.weight)
        torch.nn.init.normal_(self.norm.bias)
        self.functions: Any = SimpleNamespace(dtype=torch.float32, threads=2)
        self.example = (torch.zeros(1, 48, 64, 32),)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        x = tensors[0].permute(0, 3, 1, 2)
        for _ in range(2):
            x = x + self.norm(self.mix(x))
        return (x.permute(0, 2, 3, 1),)


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def kind(request: pytest.FixtureRequest, two_threads: None) -> FileKind:
    one = EXECUTORS[request.param]
    assert isinstance(one, FileKind)
    if why := one.lacks():
        pytest.skip(why)
    return one


def noise(rows: int) -> list[list[Tensor]]:
    return [[torch.randn(1, 48, 64, 32, generator=torch.Generator().manual_seed(n))] for n in range(rows)]


@pytest.mark.parametrize("kind", KINDS, indirect=True)
def test_a_row_has_the_same_bits_alone_and_among_any_others(kind: FileKind, tmp_path: Path):
    program, path = Halves().eval(), tmp_path / f"halves{kind.suffix}"
    with torch.no_grad():
        kind.write(program, path)
        rows = noise(5)
        truth = torch.cat([program(*row)[0] for row in rows])
    alone, spread = kind.open(path, program), kind.open_spread(path, program, 2)
    assert spread is not None
    assert least_rows(alone, spread, program, 2) == 2
    [together] = Rows(alone, lambda: spread, 2, 2)(rows)
    assert ((together - truth).norm() / truth.norm()) < 1e-5
    for n, row in enumerate(rows):
        [own] = alone(row)
        assert torch.equal(own, together[n : n + 1])
    for some in ([3, 1], [4, 4, 0], [2]):
        [again] = Rows(alone, lambda: spread, 2, 2)([rows[n] for n in some])
        assert torch.equal(again, together[some])


@pytest.mark.parametrize("kind", KINDS, indirect=True)
def test_an_error_in_one_row_is_told_when_the_others_are_done_and_the_next_call_goes_well(
    kind: FileKind, tmp_path: Path
):
    program, path = Halves().eval(), tmp_path / f"halves{kind.suffix}"
    with torch.no_grad():
        kind.write(program, path)
    spread = kind.open_spread(path, program, 2)
    assert spread is not None
    rows = noise(3)
    [before] = spread(rows)
    broken = [rows[0], [torch.zeros(1, 2, 2, 32)], rows[2]]
    with pytest.raises(Exception, match=r"(?i)shape|dimension"):
        spread(broken)
    [after] = spread(rows)
    assert torch.equal(before, after)


@pytest.mark.parametrize("kind", KINDS, indirect=True)
def test_no_thread_is_left_behind(kind: FileKind, tmp_path: Path):
    program, path = Halves().eval(), tmp_path / f"halves{kind.suffix}"
    with torch.no_grad():
        kind.write(program, path)
    before = set(threading.enumerate())
    spread = kind.open_spread(path, program, 2)
    assert spread is not None
    spread(noise(2))
    del spread
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
        assert not thread.is_alive()


def test_rows_that_are_not_the_same_on_a_thread_of_their_own_always_take_turns():
    def together(rows: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        return [torch.cat([row[0] for row in rows])]

    assert least_rows(lambda given: [given[0]], together, Halves(), 2) == 2
    assert least_rows(lambda given: [given[0] + 1e-7], together, Halves(), 2) == 0


@pytest.mark.parametrize(
    ("all_s", "one_s", "threads", "least"), [(4, 18, 16, 5), (4, 18, 3, 3), (4, 3, 2, 2), (4, 3, 16, 2), (4, 8, 2, 2)]
)
def test_it_takes_as_many_rows_as_one_thread_is_slower_than_all(all_s: float, one_s: float, threads: int, least: int):
    assert least_of(all_s, one_s, threads) == least
