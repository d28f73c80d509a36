"""A confusion matrix as a PNG: every row in shares of what there was."""

from pathlib import Path

import numpy as np

from streamdeq.evaluation.reporting.chart import check_installed
from streamdeq.files import atomic_path
from streamdeq.tasks.base import Confusion

#: More classes than these get no numbers in their cells.
WRITTEN = 20


def draw_matrix(confusion: Confusion, title: str, path: Path) -> None:
    """Rows are what there was, columns what was answered; the darker the more of the row.

    Raises:
        StreamdeqError: matplotlib is not installed.
    """
    check_installed()
    from matplotlib.figure import Figure  # not pyplot, which keeps every figure

    counts = confusion.counts.astype(np.float64)
    total = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    side = max(4.0, 0.45 * max(counts.shape) + 2)
    figure = Figure((side + 1, side), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(title=title, xlabel="answered", ylabel="labelled")
    axes.set_xticks(range(counts.shape[1]), confusion.columns, rotation=90)
    axes.set_yticks(range(counts.shape[0]), confusion.rows)
    if max(counts.shape) <= WRITTEN:
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.005:
                shade = "white" if share > 0.5 else "black"
                axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=shade, fontsize="small")
    with atomic_path(path) as part:
        figure.savefig(part, format="png")
