"""Charts: lines are where their figures are."""

import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.reporting.chart import Chart, Line, draw


def test_a_line_is_drawn_where_its_figures_are_and_not_where_there_are_none():
    line = Line("half", ((0, 0.5), (4, 0.5), (5, float("nan")), (6, 0.5), (10, 0.5)), (200, 0, 0))
    figure = draw(Chart("title", "x", "y", (line,), y_range=(0, 1)))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[..., :3]
    assert picture.shape == (400, 760, 3)
    [axes] = figure.axes
    place = axes.transData.transform
    right = round(axes.bbox.x1)  # the legend is beyond
    inked = (picture[:, :right] == (200, 0, 0)).all(axis=2)
    rows, columns = np.nonzero(inked)
    assert abs(400 - rows.mean() - place((0, 0.5))[1]) < 2
    assert inked.any(axis=0)[[round(place((x, 0.5))[0]) for x in (1, 3, 7, 9)]].all()
    assert not np.isin([round(place((x, 0.5))[0]) for x in (4.5, 5, 5.5)], columns).any()


def test_a_dashed_line_of_many_small_pieces_shows_half_of_itself():
    line = Line("half", tuple((x / 20, 0.5) for x in range(201)), (200, 0, 0), dashed=True)
    figure = draw(Chart("title", "x", "y", (line,), y_range=(0, 1)))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    [axes] = figure.axes
    ends = [round(axes.transData.transform((x, 0.5))[0]) for x in (0, 10)]
    picture = np.asarray(canvas.buffer_rgba())[:, slice(*ends), :3]
    shown = (picture == (200, 0, 0)).all(axis=2).any(axis=0)
    assert 0.3 < shown.mean() < 0.6


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(StreamdeqError, match=r"pip install 'streamdeq\[report\]'"):
        draw(Chart("title", "x", "y", ()))
