"""Fig. 7: where the solver goes, embedded in the plane."""

import colorsys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.plan import Draw
from streamdeq.evaluation.reporting.chart import Chart, Line
from streamdeq.evaluation.reproduce.item import Work, models_of, save_both
from streamdeq.evaluation.reproduce.latents import path

#: Pairs of frames, each of another clip.
PAIRS = 15
#: Entries of z that are multiplied at a time.
PART = 1 << 16


def embedded_paths(work: Work) -> dict[str, Any]:
    """z after 0 to N iterations from zeros for pairs of neighbouring frames, in the plane by t-SNE (van der Maaten and
    Hinton, 2008) of their Euclidean distances; N is that of the model's reference.

    Raises:
        StreamdeqError: scikit-learn is not installed.
    """
    tsne = _tsne()
    settings = work.settings
    draw = Draw(settings.clips or PAIRS, settings.frames_per_clip or 1, settings.seed)
    measured = work.one
    measured = type(measured)(measured.model, measured.dataset, draw, measured.size, 1)
    pairs = [sample for batch in measured.pairs() for sample in batch]
    iterations = max(settings.counts((measured.iterations,)))
    engine = measured.engine(iterations)
    with tempfile.TemporaryFile() as file:
        latents: np.ndarray | None = None
        each = iterations + 1
        for number, sample in enumerate(pairs):
            for second, ago in enumerate((1, 0)):
                row = engine.open()
                measured.observe(engine, [row], [sample], keep=False, ago=ago)
                for count, z in path(engine, [row], iterations):
                    flat = np.concatenate([m.flatten().float().cpu().numpy() for m in z.maps])
                    if latents is None:
                        # On disk: a large model's take tens of gigabytes.
                        latents = np.memmap(file, np.float32, "w+", shape=(2 * each * len(pairs), len(flat)))
                    if len(flat) != latents.shape[1]:
                        raise StreamdeqError("fig7: expected frames of one size, got several; choose clips by --clips")
                    latents[(2 * number + second) * each + count] = flat
                engine.close(row)
            work.done()
        assert latents is not None  # pairs() has refused none
        distances = _distances(latents)
        del latents
    kept = min(30.0, (len(distances) - 1) / 3)  # scikit-learn's own, and what fewer points allow
    plane = tsne(metric="precomputed", init="random", perplexity=kept, random_state=settings.seed)
    points = plane.fit_transform(distances).reshape(len(pairs), 2, each, 2)
    named = [{"clip": measured.dataset.clips[one.clip].name, "frames": [one.t - 1, one.t]} for one in pairs]
    found = zip(named, points.astype(float).round(4).tolist(), strict=True)
    return {"paths": [{**about, "points": of_pair} for about, of_pair in found]}


def draw_paths(found: Mapping[str, Any], file: Path) -> list[Path]:
    """A colour per pair; the second frame's path is dashed, and both begin at zeros."""
    lines = []
    for number, pair in enumerate(found["paths"]):
        shade = colorsys.hsv_to_rgb(number / len(found["paths"]), 0.8, 0.55 + 0.3 * (number % 2))
        red, green, blue = (round(255 * part) for part in shade)
        for second, points in enumerate(pair["points"]):
            name = "" if second else pair["clip"][:20]
            lines.append(
                Line(name, tuple((x, y) for x, y in points), (red, green, blue), dashed=bool(second), dots=True)
            )
    chart = Chart(f"Paths from zeros (t-SNE): {models_of(found)}", "", "", tuple(lines))
    return save_both(replace(chart, square=True), file)


def _tsne() -> Any:
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise StreamdeqError(
            "fig7 is embedded by scikit-learn, which is not installed: pip install 'streamdeq[report]'"
        ) from None
    return TSNE


def _distances(latents: np.ndarray) -> np.ndarray:
    """(N, N) float64 Euclidean distances of the N rows, a part of their entries at a time."""
    count = len(latents)
    products = np.zeros((count, count))
    for begin in range(0, latents.shape[1], PART):
        part = np.asarray(latents[:, begin : begin + PART], np.float64)
        products += part @ part.T
    squares = products.diagonal()
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * products, 0))
    np.fill_diagonal(distances, 0)
    return distances
