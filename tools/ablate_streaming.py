"""What each ingredient of training for streaming is worth: small runs on one core, judged where nothing is reported.

Trains on CamVid's `train-fit`, scores on the pictures of `train-holdout` set in motion (`evaluation.cuts.clips`):

    OMP_NUM_THREADS=1 python tools/ablate_streaming.py --data ../shared/data/camvid --out docs/lab/log/ablation

One JSON file per variant in `--out`; what is there already is not run again. `--table` prints them all.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import streamdeq
from streamdeq.data.cache import cached
from streamdeq.data.open import open_dataset
from streamdeq.evaluation.cuts.clips import wandering_stills
from streamdeq.evaluation.protocol.rows import make_rows
from streamdeq.evaluation.protocol.run import evaluate
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.evaluation.reporting.table import Text, write_json
from streamdeq.models.architecture import Architecture
from streamdeq.training import session
from streamdeq.training.log import surroundings
from streamdeq.training.loop import run_training
from streamdeq.training.recipe import Recipe, Streaming
from streamdeq.training.recipes import RECIPES
from streamdeq.training.run import WEIGHTS, RunSettings
from streamdeq.training.trainer import Trainer

LITE = Architecture((32, 64, 128, 256), groups=4, expansion=2, cell="lite", injected=4)
MDEQ = Architecture((16, 32, 64, 128), groups=4, expansion=4)
#: SUR at 192×144, about 4 minutes on one core.
BASE = replace(
    RECIPES["camvid-s"],
    name="sur",
    architecture=LITE,
    split="train-fit",
    size=144,
    crop_hw=(128, 192),
    steps=800,
    streaming=None,
)
OFFSET = 10
NONE = Streaming(warm=0.0)
ALL = Streaming(warm=0.5, cut=0.1, noise=0.1, decay=0.8, distil=0.1)


def variants() -> dict[str, Recipe]:
    """By name: SUR, each ingredient alone, together; other cells; and what else might be worth its time."""
    streaming = {
        "warm": Streaming(warm=0.6),
        "cut": replace(NONE, cut=0.2),
        "noise": replace(NONE, noise=0.3),
        "path": replace(NONE, decay=0.8),
        "distil": replace(NONE, distil=0.1),
        "warm, cut": Streaming(warm=0.5, cut=0.1),
        "warm, cut, distil": Streaming(warm=0.5, cut=0.1, distil=0.1),
        "warm, cut, path": Streaming(warm=0.5, cut=0.1, decay=0.8),
        "all": ALL,
    }
    chosen = {"sur": BASE} | {name: replace(BASE, name=name, streaming=value) for name, value in streaming.items()}
    for name, architecture in {
        "published": MDEQ,
        "published, injected everywhere": replace(MDEQ, injected=4),
        "lite, injected at the top": replace(LITE, injected=1),
    }.items():
        chosen[f"{name}: sur"] = replace(BASE, architecture=architecture)
        chosen[f"{name}: all"] = replace(BASE, name="all", architecture=architecture, streaming=ALL)
    chosen["class weights"] = replace(BASE, class_weights="inverse-log-frequency")
    chosen["averaged"] = replace(BASE, ema=0.995)
    return chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="names of variants, in this order; all if not given")
    parser.add_argument("--table", action="store_true", help="print what --out holds and train nothing")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    known = variants()
    for name in () if asked.table else asked.only or known:
        path = asked.out / f"{name.replace(': ', '-').replace(', ', '-').replace(' ', '-')}.json"
        if not path.exists():
            write_json(measure(name, known[name], asked.data), path)
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(asked.out.glob("*.json"))]
    print(
        "\n".join(Text().table([["variant", "single frame", "best", "streaming 1/2/4", "seconds"], *map(cells, rows)]))
    )


def measure(name: str, recipe: Recipe, data: str) -> dict[str, Any]:
    """Train and score one variant."""
    with tempfile.TemporaryDirectory() as folder:
        trained = cached(open_dataset(data, recipe.split), 4 << 30)
        trainer = Trainer.build(recipe, trained, RunSettings(Path(folder), data, torch.device("cpu")))
        log = session.start(trainer)
        run_training(trainer, log)
        log.close()
        model = streamdeq.load(Path(folder) / WEIGHTS)
    films = wandering_stills(open_dataset(data, "train-holdout"), OFFSET + 1)
    evaluation = evaluate(model, films, Settings((1, 2, 4), (OFFSET,)))
    rows = make_rows(evaluation, resamples=0)
    return {
        "variant": name,
        "seconds": round(trainer.state.elapsed_s),
        "steps": recipe.steps,
        "parameters": sum(p.numel() for p in trainer.network.parameters()),
        "single": {row.iterations: row.value for row in rows if row.offset is None},
        "streaming": {row.iterations: row.value for row in rows if row.offset is not None},
        "surroundings": surroundings(torch.device("cpu")),
    }


def cells(row: dict[str, Any]) -> list[str]:
    single, streaming = (" ".join(f"{v:.1f}" for v in row[key].values()) for key in ("single", "streaming"))
    return [row["variant"], single, f"{max(row['single'].values()):.1f}", streaming, str(row["seconds"])]


if __name__ == "__main__":
    main()
