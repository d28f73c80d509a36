"""Films that do not flicker: an answer far from converged is not shown, and recorded all the same."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.viewing import status

from streamdeq.errors import StreamdeqError
from streamdeq.running.drawing import Drawing, ProcessedItem
from streamdeq.running.steady import LONGEST, Steady
from streamdeq.values.frame import Frame
from streamdeq.values.look import Look
from streamdeq.values.status import Start

WARM, COLD = Start.WARM, Start.COLD


def answers(*residuals: float, starts: dict[int, Start] | None = None) -> list[Any]:
    return [
        SimpleNamespace(status=status(n, residual=residual, start=(starts or {}).get(n, WARM)), value=n)
        for n, residual in enumerate(residuals)
    ]


def shown(most: float, given: list[Any]) -> list[int]:
    steady = Steady(most)
    return [steady.shown(one).value for one in given]


def test_the_last_answer_that_was_near_enough_stays() -> None:
    assert shown(0.2, answers(0.1, 0.3, 0.2, 0.5, 0.1)) == [0, 0, 2, 2, 4]
    assert shown(0.2, answers(0.9, 0.8, float("nan"))) == [0, 0, 2]


def test_no_answer_is_shown_for_ever() -> None:
    assert shown(0.2, answers(0.1, *[0.9] * (LONGEST + 2))) == [*[0] * (LONGEST + 1), LONGEST + 1, LONGEST + 1]


def test_the_first_of_a_shot_is_shown_as_it_is() -> None:
    given = answers(0.1, 0.9, 0.9, starts={1: COLD})
    given[2].status = replace(given[2].status, cut=True)
    assert shown(0.2, given) == [0, 1, 2]


def test_a_film_is_drawn_so_and_the_records_are_the_answers() -> None:
    written: list[ProcessedItem] = []
    then = SimpleNamespace(write=written.append, close=lambda: None)
    task: Any = SimpleNamespace(draw=lambda image, result: np.full_like(image, result.value))
    drawing = Drawing(task, then, films=True, look=Look(steady=0.2))  # type: ignore[arg-type]
    for n, one in enumerate(answers(0.1, 0.9, 0.1)):
        drawing.write(ProcessedItem(Frame(np.zeros((4, 6, 3), np.uint8), n, n / 25), one))
    assert [item.taken.image.max() for item in written] == [0, 0, 2]  # type: ignore[union-attr]
    assert [item.result.value for item in written] == [0, 1, 2]


def test_a_residual_below_zero_is_refused() -> None:
    with pytest.raises(StreamdeqError, match="steady"):
        Look(steady=-0.1)
