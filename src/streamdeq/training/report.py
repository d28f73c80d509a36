"""What a trained model gets right and what it takes for what, on the validation split, as files in the run's folder.

Tables are CSV and always there; pictures of them need matplotlib (extra `report`) and are left out without it.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from streamdeq.data.labels import spaced
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.reporting import chart
from streamdeq.evaluation.reporting.matrix import draw_matrix
from streamdeq.files import atomic_path
from streamdeq.models.checkpoint import read_weights
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import build_task, load_network
from streamdeq.tasks.base import Confusion, Metric, Task
from streamdeq.tasks.drawing import captioned
from streamdeq.training.run import BEST, WEIGHTS
from streamdeq.training.trainer import Trainer
from streamdeq.training.validate import answered

#: Validation pictures that are shown, and the width of each in pixels.
SHOWN, WIDTH = 8, 480
FIGURES, CONFUSION, PRECISION = "figures.csv", "confusion", "precision-recall"
LOSS, SCORE, ANSWERS = "loss.png", "score.png", "validation.jpg"


def write_report(trainer: Trainer, table: Sequence[dict[str, Any]]) -> None:
    """Of the weights that the folder stands for: the best, if scores have said which.

    Args:
        table: the rows of `results.csv`.
    """
    run, split = trainer.run, trainer.run.reported
    assert split is not None
    path = next(file for name in (BEST, WEIGHTS) if (file := run.folder / name).is_file())
    spec, tensors = read_weights(path)
    network = load_network(spec, tensors, str(path)).to(run.device)
    task = build_task(spec)
    scored = split.scored(spec.classes)
    pictures = {(id(clip), t) for clip, t in spaced(scored.samples, SHOWN)}
    metric, tiles = task.metric(), []
    for clip, t, result in answered(network, spec, scored, trainer.recipe.precision, run.device):
        metric.update(result, clip.target(t))
        if (id(clip), t) in pictures:
            tiles.append((clip.image(t), clip.target(t), result))
    _table(run.folder / FIGURES, ("figure", "value"), ((k, round(v, 3)) for k, v in metric.compute().items()))
    _tables(run.folder, metric)
    notes = [_drawn(run.folder, spec, metric, table), _shown(run.folder, task, tiles)]
    for note in filter(None, notes):
        run.say(note)


def _tables(folder: Path, metric: Metric) -> None:
    confusion, curves = metric.confusion(), metric.precision_recall()
    if confusion is not None:
        rows = ([name, *counts] for name, counts in zip(confusion.rows, confusion.counts.tolist(), strict=True))
        _table(folder / f"{CONFUSION}.csv", ("labelled \\ answered", *confusion.columns), rows)
    if curves:
        points = (
            (name, f"{r:.2f}", f"{p:.4f}") for name, (rs, ps) in curves.items() for r, p in zip(rs, ps, strict=True)
        )
        _table(folder / f"{PRECISION}.csv", ("class", "recall", "precision"), points)
    elif confusion is not None:
        _table(folder / f"{PRECISION}.csv", ("class", "precision", "recall", confusion.unit), _per_class(confusion))


def _per_class(confusion: Confusion) -> Iterable[tuple[Any, ...]]:
    counts = confusion.counts
    for k, name in enumerate(confusion.rows):
        right, labelled, answers = counts[k, k], counts[k].sum(), counts[:, k].sum()
        values = (f"{100 * right / n:.2f}" if n else "" for n in (answers, labelled))
        yield name, *values, labelled


def _drawn(folder: Path, spec: ModelSpec, metric: Metric, table: Sequence[dict[str, Any]]) -> str:
    """The pictures that matplotlib draws; what to say where it is not there."""
    try:
        chart.check_installed()
    except StreamdeqError as error:
        return f"no curves, the tables alone: {error}"
    chart.save(_curve("loss", "step", table, ["loss"]), folder / LOSS)
    names = [n for n in dict.fromkeys(name for row in table for name in row) if " single " in n or " streaming " in n]
    if names:
        chart.save(_curve(f"{spec.name} on the validation split", "step", table, names), folder / SCORE)
    confusion, curves = metric.confusion(), metric.precision_recall()
    if confusion is not None and confusion.counts.any():
        draw_matrix(confusion, f"{confusion.unit} in percent of what is labelled", folder / f"{CONFUSION}.png")
    if curves:
        lines = tuple(
            chart.Line(name, tuple((100 * r, 100 * p) for r, p in zip(*curve, strict=True)), _colour(k))
            for k, (name, curve) in enumerate(curves.items())
        )
        told = chart.Chart("precision and recall at IoU 0.5", "recall, %", "precision, %", lines, y_range=(0, 101))
        chart.save(told, folder / f"{PRECISION}.png")
    return ""


def _curve(title: str, over: str, table: Sequence[dict[str, Any]], names: Sequence[str]) -> chart.Chart:
    lines = tuple(
        chart.Line(
            name,
            tuple((row[over], row[name]) for row in table if name in row),
            _colour(k),
            dashed=" streaming " in name,
            dots=True,
        )
        for k, name in enumerate(names)
    )
    return chart.Chart(title, over, names[0].partition(" ")[0], lines)


def _colour(k: int) -> chart.Colour:
    return chart.COLOURS[k % len(chart.COLOURS)]


def _shown(folder: Path, task: Task, tiles: Sequence[tuple[np.ndarray, Any, Any]]) -> str:
    """Validation pictures, what is labelled in them on the left and what was answered on the right; what to say where
    they cannot be drawn."""
    rows = []
    try:
        for image, target, result in tiles:
            label = task.draw_label(image, target)
            pair = ([] if label is None else [("labelled", label)]) + [("answered", task.draw(image, result))]
            rows.append(np.concatenate([_tile(picture, text) for text, picture in pair], axis=1))
    except StreamdeqError as error:
        return f"no {ANSWERS}: {error}"
    if not rows:
        return ""
    width = max(row.shape[1] for row in rows)
    sheet = np.concatenate([np.pad(row, ((0, 4), (0, width - row.shape[1]), (0, 0))) for row in rows])
    with atomic_path(folder / ANSWERS) as part:
        Image.fromarray(sheet).save(part, format="JPEG", quality=90)
    return ""


def _tile(picture: np.ndarray, text: str) -> np.ndarray:
    height = max(1, round(picture.shape[0] * WIDTH / picture.shape[1]))
    return captioned(np.asarray(Image.fromarray(picture).resize((WIDTH, height))), text)


def _table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with atomic_path(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(rows)
