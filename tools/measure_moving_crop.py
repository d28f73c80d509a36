"""What a moving crop costs a streamed pose model, and whether moving the latent with it helps. Prints a table.

    .venv/bin/python tools/measure_moving_crop.py bee-s --data ../shared/data/bee-pose --split test

The crop moves by a share of its own side with every frame, and stands where it belongs in the scored one: see
`streamdeq.evaluation.moving`. `--every N` scores every N-th instance; `--out FILE` writes JSON.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import streamdeq
from streamdeq.data.open import open_dataset
from streamdeq.data.poses import PoseDataset
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.moving import Case, Cost, against, measure, slide, zoom
from streamdeq.evaluation.protocol import check_classes
from streamdeq.files import atomic_path
from streamdeq.streaming.carry import Carry, Move, stay
from streamdeq.training.log import surroundings

SPEEDS = (0.02, 0.04, 0.08, 0.16)
MOTIONS = {"slides": slide, "zooms": zoom}
#: Frames that a scored one must have before it.
LEAST = 5
CARRIES: dict[str, Carry] = {
    "stays": stay,
    "moved": Move(),
    "moved, zeros at the border": Move(padding="zeros"),
    "moved by whole cells": Move(mode="nearest"),
}


def main() -> None:
    asked = _arguments()
    torch.set_num_threads(1)
    model = streamdeq.load(asked.model)
    dataset = open_dataset(asked.data, asked.split)
    if not isinstance(dataset, PoseDataset):
        raise StreamdeqError(f"expected labelled key points in {asked.data}, got {dataset.task}")
    scored = dataset.scored(model.spec.classes)
    check_classes(model.spec, scored)
    clips: list[Any] = [clip for clip in scored.clips if len(clip) > LEAST][:: asked.every]
    if not clips:
        raise StreamdeqError(f"expected a labelled frame with {LEAST} before it in {asked.data}, got none")
    cases = [case for n in asked.iterations for case in _cases(n)]
    costs = measure(model, clips, cases)
    print(f"{len(clips)} instances\n")
    rows = _rows(cases, costs)
    if asked.out is not None:
        header = {"model": model.spec.name, "instances": len(clips)}
        with atomic_path(asked.out) as part:
            told = header | {"surroundings": surroundings(model.functions.device), "rows": rows}
            part.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _cases(iterations: int) -> list[Case]:
    """The crop that stands still, then every motion, speed and carry."""
    moving = [
        Case(iterations, speed, carry, motion)
        for motion in MOTIONS.values()
        for speed in SPEEDS
        for carry in CARRIES.values()
    ]
    return [Case(iterations), *moving]


def _rows(cases: Sequence[Case], costs: dict[Case, Cost]) -> list[dict[str, Any]]:
    """Prints a line per motion and speed."""
    metric = costs[cases[0]].total.name
    print(f"{metric} (95 %: how much more than where the crop stands still); from converged, % of the crop's side\n")
    print(f"| iterations | crop | {' | '.join(CARRIES)} |")
    print("|---:|---|" + "---|" * len(CARRIES))
    rows = [_row(case, costs[case], costs[Case(case.iterations)]) for case in cases]
    for line in dict.fromkeys((row["iterations"], row["crop"]) for row in rows):
        cells = [row["cell"] for row in rows if (row["iterations"], row["crop"]) == line]
        print(f"| {line[0]} | {line[1]} | {' | '.join(cells)}{' |' * (1 + len(CARRIES) - len(cells))}")
    return rows


def _row(case: Case, cost: Cost, still: Cost) -> dict[str, Any]:
    score, apart = cost.total.figure(cost.total.name), 100 * float(np.mean(cost.distances))
    spread = against(cost, still) if case.speed else None
    between = "" if spread is None else f" ({spread.low:+.1f} … {spread.high:+.1f})"
    crop = f"{_name(MOTIONS, case.motion)} {100 * case.speed:g} %" if case.speed else "stands still"
    return {
        "iterations": case.iterations, "crop": crop, "latent": _name(CARRIES, case.carry), "metric": cost.total.name,
        "score": round(score, 2), "distance %": round(apart, 3), "cell": f"{score:.1f}{between}; {apart:.2f}",
    }  # fmt: skip


def _name(among: dict[str, Any], value: Any) -> str:
    return next(name for name, one in among.items() if one == value)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a packaged model, or a weights file")
    parser.add_argument("--data", required=True, help="a folder with labelled key points")
    parser.add_argument("--split", default="test")
    parser.add_argument("--iterations", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
