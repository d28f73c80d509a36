"""Ways of training one network, several seeds of each, on the same frames: scores, and differences that are paired.

A system is all models of one name; models of one system differ by their seed. What a system scores is the mean over its
seeds, and its interval that mean's over the resamples, which are the same for all: a difference between two systems, or
between two conditions of one, is drawn resample by resample. How much seeds differ is told beside it (`seeds`), and not
part of the interval.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.bootstrap import Resamples, interval, resample
from streamdeq.evaluation.protocol.run import evaluate, plan_of
from streamdeq.evaluation.protocol.score import Condition, Mode, Score
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.evaluation.reporting.table import Cells, Markdown
from streamdeq.evaluation.reproduce.item import FROM_ZEROS, Work, charted
from streamdeq.evaluation.reproduce.latents import Measured
from streamdeq.files import atomic_path

#: A difference whose interval does not hold 0 is told as one of the first two.
MORE, LESS, OPEN = "more", "less", "not told apart"


@dataclass(frozen=True, eq=False)
class Drawn:
    """A figure of every seed, (seeds,), and of every resample, (seeds, resamples); None without any."""

    seeds: np.ndarray
    drawn: np.ndarray | None

    @classmethod
    def of(cls, scores: Sequence[Score], draws: Resamples | None) -> "Drawn":
        """Of the task's figure, one score a seed; of an error the negative, so that more is better."""
        name = scores[0].total.name
        sign = -1 if name in scores[0].total.errors else 1
        seeds = np.array([score.total.figure(name) for score in scores])
        return cls(sign * seeds, draws and sign * np.stack([draws.figures(score.pieces, name) for score in scores]))

    def minus(self, other: "Drawn") -> "Drawn":
        """Seed by seed where both have as many, else of the means."""
        a, b = (self, other) if len(self.seeds) == len(other.seeds) else (self.mean(), other.mean())
        drawn = None if a.drawn is None or b.drawn is None else a.drawn - b.drawn
        return Drawn(a.seeds - b.seeds, drawn)

    def mean(self) -> "Drawn":
        drawn = None if self.drawn is None else self.drawn.mean(axis=0, keepdims=True)
        return Drawn(self.seeds.mean(keepdims=True), drawn)

    def to_plain(self) -> dict[str, Any]:
        within = None if self.drawn is None else interval(self.mean().drawn[0])  # type: ignore[index]
        low, high = (None, None) if within is None else (within.low, within.high)
        return {"value": float(self.seeds.mean()), "low": low, "high": high, "seeds": self.seeds.tolist()}


@dataclass(frozen=True, eq=False)
class System:
    """What models of one name score, by condition."""

    name: str
    best: int
    figures: Mapping[Condition, Drawn]

    def streaming(self, count: int, offset: int) -> Drawn:
        return self.figures[Condition(Mode.STREAMING, count, offset)]

    def single(self, count: int) -> Drawn:
        return self.figures[Condition(Mode.SINGLE, count)]


def variants(work: Work) -> dict[str, Any]:
    """Scores of every system at every number of iterations and offset, and from zeros; and the differences between
    systems, from the single frame, from more iterations from zeros, and between offsets."""
    first = work.measured[0]
    settings = work.settings.protocol(first.dataset)
    plan = plan_of(first.model, first.dataset, settings)
    draws = work.settings.resamples and resample(plan.samples, work.settings.resamples, films=plan.films)
    grouped: dict[str, list[Measured]] = {}
    for one in work.measured:
        grouped.setdefault(one.model.spec.name, []).append(one)
    systems, metric = [], first.model.task.metric().name
    for name, members in grouped.items():
        scores = [evaluate(one.model, first.dataset, settings, work.done).scores for one in members]
        conditions = _conditions(settings, members[0].iterations)
        figures = {at: Drawn.of([of_seed[at] for of_seed in scores], draws or None) for at in conditions}
        systems.append(System(name, members[0].iterations, figures))
    return {
        "metric": metric,
        "frames": len(plan.samples),
        "seeds": {name: len(members) for name, members in grouped.items()},
        "systems": {system.name: _scores(system, settings) for system in systems},
        "differences": [*_differences(systems, settings)],
        "lines": {name: line for system in systems for name, line in _lines(system, settings)},
    }


def _conditions(settings: Settings, best: int) -> list[Condition]:
    alone = [Condition(Mode.SINGLE, count) for count in {*settings.iterations, best}]
    return alone + [Condition(Mode.STREAMING, n, t) for n in settings.iterations for t in settings.offsets]


def _scores(system: System, settings: Settings) -> dict[str, Any]:
    return {
        "best": system.best,
        "baseline": system.single(system.best).to_plain(),
        "from_zeros": {str(n): system.single(n).to_plain() for n in settings.iterations},
        "streaming": {
            str(n): {str(t): system.streaming(n, t).to_plain() for t in settings.offsets} for n in settings.iterations
        },
    }


def _differences(systems: Sequence[System], settings: Settings) -> Iterator[dict[str, Any]]:
    """What the figures are compared for; `kind` says by what the two sides differ."""
    counts, offsets, last = settings.iterations, settings.offsets, max(settings.offsets)
    for (a, b), n in ((pair, n) for pair in combinations(systems, 2) for n in counts):
        found = a.streaming(n, last).minus(b.streaming(n, last))
        yield {"kind": "system", "first": a.name, "second": b.name, "iterations": n, **found.to_plain()}
    for one in systems:
        for n in counts:
            now, told = one.streaming(n, last), {"first": one.name, "iterations": n}
            yield {"kind": "baseline", **told, "second": one.best, **now.minus(one.single(one.best)).to_plain()}
            for more in (m for m in counts if m >= n):
                yield {"kind": "from zeros", **told, "second": more, **now.minus(one.single(more)).to_plain()}
            for t in offsets[:-1]:
                yield {"kind": "offset", **told, "second": t, **now.minus(one.streaming(n, t)).to_plain()}


def _lines(system: System, settings: Settings) -> Iterator[tuple[str, dict[str, Any]]]:
    last = max(settings.offsets)
    for name, dashed in ((system.name, False), (system.name + FROM_ZEROS, True)):
        points = [
            (system.single(n) if dashed else system.streaming(n, last)).to_plain() for n in sorted(settings.iterations)
        ]
        line = {key: [point[key] for point in points] for key in ("value", "low", "high")}
        yield name, {"x": sorted(settings.iterations), **line, "dashed": dashed}


def draw(found: Mapping[str, Any], path: Path) -> list[Path]:
    """Accuracy over iterations as PNG and SVG, and the tables as Markdown."""
    drawn = charted("Ways of training", "iterations per frame", "", "value", lines_name=True)(found, path)
    file = path.with_suffix(".md")
    with atomic_path(file) as part:
        part.write_text("\n\n".join(tables(found)) + "\n", encoding="utf-8")
    return [*drawn, file]


def tables(found: Mapping[str, Any]) -> list[str]:
    """As Markdown: scores, and differences with what they say."""
    style = Markdown()
    return ["\n".join(style.table(score_cells(found))), "\n".join(style.table(difference_cells(found)))]


def _text(plain: Mapping[str, Any], digits: int = 1) -> str:
    """A figure with its interval and, where there are several seeds, what each of them has."""
    value = f"{plain['value']:.{digits}f}"
    if plain["low"] is not None:
        value += f" ({plain['low']:.{digits}f}–{plain['high']:.{digits}f})"
    if len(plain["seeds"]) > 1:
        value += f" [{', '.join(f'{one:.{digits}f}' for one in plain['seeds'])}]"
    return value


def score_cells(found: Mapping[str, Any]) -> list[Cells]:
    """Of every system: its scores at every number of iterations, below a heading."""
    offsets = [*next(iter(next(iter(found["systems"].values()))["streaming"].values()))]
    cells: list[Cells] = [["system", "iterations", "from zeros", *(f"+{t}" for t in offsets), "single frame"]]
    for name, system in found["systems"].items():
        for number, (n, at) in enumerate(system["streaming"].items()):
            baseline = f"{_text(system['baseline'])} at {system['best']}" if number == 0 else ""
            scores = [f"{at[t]['value']:.1f}" for t in offsets[:-1]] + [_text(at[offsets[-1]])]
            cells.append([name if number == 0 else "", n, f"{system['from_zeros'][n]['value']:.1f}", *scores, baseline])
    return cells


def difference_cells(found: Mapping[str, Any], **where: Any) -> list[Cells]:
    """The differences that are `where` (kind="system", iterations=2, …), or all, below a heading."""
    last = [*next(iter(next(iter(found["systems"].values()))["streaming"].values()))][-1]
    said = {
        "system": "{second}",
        "baseline": "its single frame at {second}",
        "from zeros": "itself from zeros at {second}",
        "offset": "itself at +{second}",
    }
    cells: list[Cells] = [[f"streaming, +{last}", "iterations", "against", "difference", "so it is"]]
    for one in found["differences"]:
        if any(one[key] != value for key, value in where.items()):
            continue
        against = said[one["kind"]].format_map(one)
        cells.append([one["first"], str(one["iterations"]), against, _text(one, 2), verdict(one)])
    return cells


def verdict(difference: Mapping[str, Any]) -> str:
    """`MORE` or `LESS` where the paired interval does not hold 0, else `OPEN`."""
    if difference["low"] is None or difference["low"] <= 0 <= difference["high"]:
        return OPEN
    return MORE if difference["low"] > 0 else LESS


def unique(names: Sequence[str], seeds: Sequence[int | None]) -> list[str]:
    """Names of models, those that are there twice with their seed.

    Raises:
        StreamdeqError: two of one name have one seed: they are the same model twice.
    """
    told = [
        f"{name}, seed {seed}" if names.count(name) > 1 and seed is not None else name
        for name, seed in zip(names, seeds, strict=True)
    ]
    if twice := next((name for name in told if told.count(name) > 1), None):
        raise StreamdeqError(f"--model: {twice} is there twice")
    return told
