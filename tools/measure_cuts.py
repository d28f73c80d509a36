"""Shot changes, measured: how well they are found, and how long the answers suffer from them. Writes docs/lab/cuts/.

    .venv/bin/python tools/measure_cuts.py camvid-s --data ../shared/data/camvid --out docs/lab/cuts

Prints the tables of docs/lab/cuts.md, writes them as JSON, draws the figures. One thread; about 15 minutes on a core.
`--only detection|recovery` does one half, `--every N` makes a cut at every N-th frame of CamVid's sequence.
`--only jump` prints one figure and writes nothing: in which frame after a cut one step a frame is enough again.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

import streamdeq
from streamdeq.api import Model
from streamdeq.cli.demo import find_clip
from streamdeq.data.open import open_dataset
from streamdeq.evaluation.chart import COLOURS, Chart, Line, draw
from streamdeq.evaluation.detection import Detection, Watched, look, margins, score, watch
from streamdeq.evaluation.films import Film, fast_street, street_film, wandering_film
from streamdeq.evaluation.jumps import EVERY, jumps_between, jumps_in
from streamdeq.evaluation.recovery import WITHIN, Curve, Jump, frames_to_recover, lost, recover
from streamdeq.files import atomic_path
from streamdeq.streaming.cut import FromZeros, KeepGoing, PictureCut, ResidualCut, Response
from streamdeq.streaming.options import StreamOptions
from streamdeq.training.log import surroundings
from streamdeq.values.frame import Frame
from streamdeq.video import open_source

DEMO_CUTS = (30, 76, 137, 187, 242)
ITERATIONS = (1, 2)
SEEDS = 5
#: The group of films that another model watches, one whose residuals had no part in the choice of thresholds.
OTHER_MODEL = "streets (val), street-s"
#: Streets that are cut into, and other ones they are cut into from.
STREETS, OTHER_STREETS = "synthetic:clips=2,frames=41,size=192x256", "synthetic:clips=14,frames=1,size=192x256"
NO_CUT = "no cut"
#: The responses that are drawn, and their colours.
SHOWN = {NO_CUT: 0, "keep going": 1, "keep going + 1": 6, "keep going + 3": 3, "from zeros": 5, "from zeros + 2": 2}


def main() -> None:
    asked = _arguments()
    torch.set_num_threads(1)
    model = streamdeq.load(asked.model)
    if asked.only == "jump":
        jump(model, asked.data, asked.every)
        return
    street = streamdeq.load(asked.street)
    header = {"model": model.spec.name, "surroundings": surroundings(model.functions.device)}
    if asked.only != "recovery":
        _write(asked.out / "detection.json", header | {"rows": detection(model, street, asked.data, asked.out)})
    if asked.only != "detection":
        rows = recovery(model, street, asked.data, asked.every)
        _write(asked.out / "recovery.json", header | {"rows": rows})
        draw_recovery(rows, asked.out)


def _write(path: Path, report: dict[str, Any]) -> None:
    with atomic_path(path) as part:
        part.write_text(json.dumps(report) + "\n", encoding="utf-8")


# -- detection -----------------------------------------------------------------------------------------------


def detection(model: Model, street: Model, data: str, out: Path) -> list[dict[str, Any]]:
    """Prints a row for every group of films and detector, and draws the demo clip's residuals."""
    print("| films | frames | cuts | detector | found | late | missed | false alarms | quiet ≤ | cuts ≥ |")
    print("|---|---:|---:|---|---:|---:|---:|---:|---:|---:|")
    rows = []
    for name, build in _groups(data).items():
        films, used = build(), street if name == OTHER_MODEL else model
        if used is model:
            pictures = [look(film, PictureCut()) for film in films]
            rows.append(_detection_row(name, "picture", score(films, [seen.found for seen in pictures])))
        for iterations in ITERATIONS:
            watched = [watch(used, film, StreamOptions(iterations, cuts="residual")) for film in films]
            figures = score(films, [seen.found for seen in watched])
            rows.append(
                _detection_row(
                    name, f"residual, {iterations} it.", figures, margins(films, watched, ResidualCut().floor)
                )
            )
            if name == "demo clip":
                _draw_residuals(films[0], watched[0], iterations, out)
    return rows


def _groups(data: str) -> dict[str, Callable[[], list[Film]]]:
    """Thresholds were chosen on the first three groups; the others had no part in that."""

    def sequence() -> list[Film]:
        [clip] = open_dataset(data, "val").clips
        return [Film("CamVid val", tuple(clip.image(t) for t in range(len(clip))), ())]

    train = open_dataset(data, "train")
    return {
        "streets (train)": lambda: [street_film(1000 + seed, "train") for seed in range(SEEDS)],
        "streets at 6 fps (train)": lambda: [fast_street(2000 + seed, "train") for seed in range(SEEDS)],
        "moved stills (train)": lambda: [wandering_film(train, seed) for seed in range(SEEDS)],
        "streets (val)": lambda: [street_film(seed, "val") for seed in range(SEEDS)],
        OTHER_MODEL: lambda: [street_film(seed, "val") for seed in range(SEEDS)],
        "demo clip": lambda: [demo_film()],
        "CamVid val": sequence,
    }


def demo_film() -> Film:
    with open_source(str(find_clip())) as items:
        return Film("demo clip", tuple(item.image for item in items if isinstance(item, Frame)), DEMO_CUTS)


def _detection_row(
    films: str, detector: str, figures: Detection, margin: tuple[float, float] | None = None
) -> dict[str, Any]:
    late = sum(delay > 0 for delay in figures.delays)
    quiet, cuts = (_number(margin[0]), _number(margin[1])) if margin else ("", "")
    print(
        f"| {films} | {figures.frames} | {figures.cuts} | {detector} | {len(figures.delays)} | {late} | "
        f"{figures.missed} | {figures.alarms} | {quiet} | {cuts} |",
        flush=True,
    )
    row = {"films": films, "detector": detector, **asdict(figures), "margin": margin}
    return row | {"precision": figures.precision, "recall": figures.recall}


def _draw_residuals(film: Film, seen: Watched, iterations: int, out: Path) -> None:
    detector = ResidualCut()
    residuals = [(t, value[-1]) for t, value in enumerate(seen.values)]
    thresholds = [(t + 1, max(detector.floor, detector.factor * max(value))) for t, value in enumerate(seen.values)]
    chart = Chart(
        f"First residual of every frame, demo clip, {iterations} iteration{'s' * (iterations > 1)} per frame",
        "frame (vertical: cuts)",
        "relative residual",
        (
            Line("first residual", tuple(residuals), COLOURS[1]),
            Line("what makes a cut", tuple(thresholds[:-1]), COLOURS[2], dashed=True),
        ),
        marks=tuple(map(float, film.cuts)),
        y_range=(0, 1.5),
    )
    _save(chart, out / f"residuals-{iterations}.png")


# -- recovery ------------------------------------------------------------------------------------------------


def recovery(model: Model, street: Model, data: str, every: int) -> list[dict[str, Any]]:
    """Prints a row for every group of cuts and response."""
    rows = _recover("CamVid val", model, _sequence(data, every))
    rows += _recover(
        "streets", street, jumps_between(open_dataset(OTHER_STREETS, "test"), open_dataset(STREETS, "val"))
    )
    film = demo_film()
    return rows + _recover("demo clip", model, jumps_in(film.images, film.cuts))


def jump(model: Model, data: str, every: int) -> None:
    """Prints the row of a stream that goes on through a cut with one step a frame, and what it says."""
    jumps = _sequence(data, every)
    [_, row] = _recovery_rows("CamVid val", len(jumps), recover(model, jumps, 1, (KeepGoing(),)))
    frames = "not within the frames scored" if row["recovered"] is None else f"in frame {row['recovered'] + 1}"
    print(f"\nafter a jump from another clip's latent, one step a frame: back within {WITHIN} points {frames}")


def _sequence(data: str, every: int) -> list[Jump]:
    """CamVid's val is of another drive than both of its test split."""
    return jumps_between(open_dataset(data, "test"), open_dataset(data, "val"), every=every)


def _recover(name: str, model: Model, jumps: Sequence[Jump]) -> list[dict[str, Any]]:
    rows = []
    for iterations in ITERATIONS:
        rows += _recovery_rows(name, len(jumps), recover(model, jumps, iterations))
    return rows


def _recovery_rows(name: str, cuts: int, curves: Sequence[Curve]) -> list[dict[str, Any]]:
    reference = curves[0]
    metric = reference.metrics[0].name
    print(f"\n{name}, {cuts} cuts; {metric} at {reference.iterations} per frame\n")
    shown = [n for n in (0, 1, 2, 3, 4, 6, 8, 12) if n < len(reference.metrics)]
    print(f"| response | NFE on the cut's frame | {' | '.join(f'+{n}' for n in shown)} | points lost | recovered at |")
    print("|---|---:" + "|---:" * (len(shown) + 2) + "|")
    rows = []
    for curve in curves:
        recovered, loss, points = frames_to_recover(curve, reference), lost(curve, reference), curve.points
        figures = " | ".join(f"{points[n]:.1f}" for n in shown)
        at = "later" if recovered is None else f"+{recovered}"
        print(f"| {_name(curve.response)} | {curve.nfe} | {figures} | {loss:.1f} | {at} |", flush=True)
        rows.append(
            {
                "films": name, "cuts": cuts, "metric": metric, "iterations": curve.iterations,
                "response": _name(curve.response), "nfe": curve.nfe, "points": [round(p, 3) for p in points],
                "lost": round(loss, 3), "recovered": recovered,
            }
        )  # fmt: skip
    return rows


def draw_recovery(rows: list[dict[str, Any]], out: Path) -> None:
    """A figure for every group and number of iterations: no cut, both responses plain, and at equal cost."""
    for name, iterations in dict.fromkeys((row["films"], row["iterations"]) for row in rows):
        group = [row for row in rows if (row["films"], row["iterations"]) == (name, iterations)]
        lines = tuple(
            Line(
                f"{row['response']} ({row['nfe']})",
                tuple(enumerate(row["points"])),
                COLOURS[SHOWN[row["response"]]],
                dashed=row["response"] == NO_CUT,
                dots=row["response"] != NO_CUT,
            )
            for row in group
            if row["response"] in SHOWN
        )
        title = f"After a cut, {name}, {iterations} iteration{'s' * (iterations > 1)} per frame (NFE on its frame)"
        chart = Chart(title, "frames since the cut", group[0]["metric"], lines)
        _save(chart, out / f"recovery-{name.lower().replace(' ', '-')}-{iterations}.png")


def _name(response: Response | None) -> str:
    if response is None:
        return NO_CUT
    words = {KeepGoing: "keep going", FromZeros: "from zeros"}[type(response)]
    return f"{words} + {response.extra}" if response.extra else words


def _number(value: float) -> str:
    return "–" if value != value else f"{value:.2f}"


def _save(chart: Chart, path: Path) -> None:
    with atomic_path(path) as part:
        draw(chart).save(part, "PNG")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a packaged model, or a weights file")
    parser.add_argument("--data", required=True, help="CamVid's folder")
    parser.add_argument("--street", default="street-s", help="a model of the rendered street's classes")
    parser.add_argument("--out", type=Path, help="folder for figures and JSON")
    parser.add_argument("--every", type=int, default=EVERY)
    parser.add_argument("--only", choices=("detection", "recovery", "jump"))
    asked = parser.parse_args()
    if asked.only != "jump":
        if asked.out is None:
            parser.error("--out is needed, but for --only jump")
        asked.out.mkdir(parents=True, exist_ok=True)
    return asked


if __name__ == "__main__":
    main()
