"""What a moving crop costs a streamed pose model, and whether moving the latent with it helps. Prints a table.

    .venv/bin/python tools/measure_moving_crop.py bee-s --data ../shared/data/bee-pose --split test

The crop moves by a share of its own side with every frame, and stands where it belongs in the scored one: see
`streamdeq.evaluation.moving_crop`. `--every N` scores every N-th instance; `--out FILE` writes JSON.
"""

import argparse
from pathlib import Path
from typing import Any

import torch

import streamdeq
from streamdeq.data.open import open_dataset
from streamdeq.data.poses import PoseDataset
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.moving_crop import MOTIONS, CropMotion, cells, measure_motions, to_plain
from streamdeq.evaluation.protocol.run import check_classes
from streamdeq.evaluation.reporting.table import Markdown, write_json
from streamdeq.training.log import surroundings

SPEEDS = (0.02, 0.04, 0.08, 0.16)
#: Frames that a scored one must have before it.
LEAST = 5


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
    crops = [(motion, speed, carried) for motion in MOTIONS for speed in SPEEDS for carried in (False, True)]
    motions = [CropMotion(n, *crop) for n in asked.iterations for crop in (("slides", 0.0, False), *crops)]
    rows = to_plain(measure_motions(model, clips, motions))
    print(f"{len(clips)} instances; in brackets, how much more than where the crop stands still (95 %)\n")
    print("\n".join(Markdown().table(cells(rows))))
    if asked.out is not None:
        header = {"model": model.spec.name, "instances": len(clips)}
        header |= {"surroundings": surroundings(model.functions.device)}
        write_json(header | {"rows": rows}, asked.out)


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
