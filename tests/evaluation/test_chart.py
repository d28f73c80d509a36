"""Charts: round ticks, and lines that are where their figures are."""

import numpy as np
import pytest

from streamdeq.evaluation.reporting.chart import Chart, Line, draw, ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 12, (0, 2, 4, 6, 8, 10, 12)), (24.3, 54.6, (20, 30, 40, 50, 60)), (0.1, 0.1, (0.1, 0.12))],
)
def test_ticks_are_round_and_enclose_the_figures(low: float, high: float, expected: tuple[float, ...]):
    found = ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert found[: len(expected)] == pytest.approx(expected)


def test_a_line_is_drawn_where_its_figures_are_and_not_where_there_are_none():
    red = (200, 0, 0)
    line = Line("half", ((0, 0.5), (4, 0.5), (5, float("nan")), (6, 0.5), (10, 0.5)), red)
    picture = np.asarray(draw(Chart("title", "x", "y", (line,), y_range=(0, 1)), (400, 200)))
    assert picture.shape == (200, 400, 3)
    inked = (picture[:, :290] == red).all(axis=2)
    rows, columns = np.nonzero(inked)
    middle = (54 + 152) / 2
    assert abs(rows.mean() - middle) < 2
    left, right = 58, 400 * 0.74
    missing = [round(left + x / 10 * (right - left)) for x in (4.5, 5, 5.5)]
    assert inked.any(axis=0)[[round(left + x / 10 * (right - left)) for x in (1, 3, 7, 9)]].all()
    assert not np.isin(missing, columns).any()


def test_a_dashed_line_of_many_small_pieces_shows_half_of_itself():
    red = (200, 0, 0)
    line = Line("half", tuple((x / 20, 0.5) for x in range(201)), red, dashed=True)
    picture = np.asarray(draw(Chart("title", "x", "y", (line,), y_range=(0, 1)), (400, 200)))
    shown = (picture[:, 59:295] == red).all(axis=2).any(axis=0)
    assert 0.3 < shown.mean() < 0.6
