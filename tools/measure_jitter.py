"""How steady streamed key points are on a video without labels, beside those of single frames. Writes JSON and a chart.

    .venv/bin/python tools/measure_jitter.py MODEL street.mp4 --boxes person-s --out NAME

Every source is a video of its own: a file, a folder, a quoted pattern. Prints a table; `--out` writes NAME.json and
NAME.png. (On the clips of a labelled set: `streamdeq eval --jitter`.)
"""

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch

import streamdeq
from streamdeq.api import Model
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.jitter.measure import CONVERGED, SKIP, Answers, SolveSetting, measure_jitter, stream_all
from streamdeq.evaluation.jitter.report import cells, jitter_chart, usual_settings
from streamdeq.evaluation.reporting.chart import save
from streamdeq.evaluation.reporting.table import Markdown, write_json
from streamdeq.training.log import surroundings
from streamdeq.values.frame import Frame
from streamdeq.video import open_source


def main() -> None:
    asked = _arguments()
    torch.set_num_threads(1)
    model = streamdeq.load(asked.model)
    if model.spec.task != "pose":
        raise StreamdeqError(f"expected a pose model, got {asked.model}, which is for {model.spec.task}")
    settings = usual_settings([int(number) for number in asked.iterations.split(",")])
    videos = dict(_streamed(model, settings, asked))
    rows = measure_jitter(list(videos.values()), skip=asked.skip)
    print(f"{rows[0].triples} times three frames on end")
    print("\n".join(Markdown().table(cells(rows))))
    if asked.out is not None:
        frames = {name: len(video[CONVERGED]) for name, video in videos.items()}
        header = {"model": model.spec.name, "frames": frames, "skip": asked.skip}
        header |= {"surroundings": surroundings(model.functions.device)}
        write_json(header | {"rows": [row.to_plain() for row in rows]}, asked.out.with_suffix(".json"))
        save(jitter_chart(model.spec.name, rows), asked.out.with_suffix(".png"))


def _streamed(
    model: Model, settings: tuple[SolveSetting, ...], asked: argparse.Namespace
) -> Iterator[tuple[str, Answers]]:
    for source in asked.sources:
        where = model.locator(asked.boxes, source=source)  # anew for each: a detector's stream is of one video
        with open_source(source) as items:
            images = (item.image for item in items if isinstance(item, Frame))
            yield source, stream_all(model, islice(images, asked.frames), settings, where)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a packaged model, or a weights file")
    parser.add_argument("sources", nargs="+", help="videos")
    parser.add_argument("--boxes", help="where the instances are, as of streamdeq run --boxes")
    parser.add_argument("--iterations", default="1,2,4,8")
    parser.add_argument("--frames", type=int, help="of each video; all of them by default")
    parser.add_argument("--skip", type=int, default=SKIP, help="frames at the beginning of a video that do not count")
    parser.add_argument("--out", type=Path, help="NAME of NAME.json and NAME.png")
    return parser.parse_args()


if __name__ == "__main__":
    main()
