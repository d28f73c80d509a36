"""Train on data of your own, from packaged weights, and say what that was worth.

python examples/train_your_own.py DIR --init camvid-s --steps 300

DIR: any layout of docs/data.md, such as images/ with a mask for each in labels/, YOLO's or COCO's.
"""

import argparse
from pathlib import Path

import streamdeq


def main(arguments: list[str] | None = None) -> None:
    """Trains, scores what came out, and draws an answer into the run's folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="a folder with labelled pictures")
    parser.add_argument("settings", nargs="*", help="changes to the recipe: batch=4 optimizer.lr=2e-4")
    parser.add_argument("--init", default="camvid-s", help="the weights to begin with, of the task that is labelled")
    parser.add_argument("--steps", type=int, help="as many as suit the data if not given")
    parser.add_argument("--val", default="val", help="the split to score on; train-holdout where there is none")
    parser.add_argument("--picture", help="one to draw the new model's answer on")
    parser.add_argument("--out", type=Path, default=Path("runs/own"))
    told = parser.parse_args(arguments)

    ancestor = streamdeq.load(told.init)
    model = ancestor.train(told.data, steps=told.steps, out=told.out, settings=told.settings, say=print)
    scores = model.val(told.data, told.val, iterations=(1, 4))
    print(scores)
    if told.picture:
        [result] = model.predict(told.picture)
        result.save(told.out / "answer.png")
        print(result)
    print(f"weights: {model.origin}")


if __name__ == "__main__":
    main()
