"""How steady streamed key points are on a video without labels, beside those of single frames. Writes JSON and a chart.

    .venv/bin/python tools/measure_jitter.py MODEL street.mp4 --boxes person-s --out NAME

Every source is a video of its own: a file, a folder, a quoted pattern. Prints a table; `--out` writes NAME.json and
NAME.png. (On the clips of a labelled set: `streamdeq eval --jitter`.)
"""

import argparse
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch

import streamdeq
from streamdeq.api import Model
from streamdeq.data.label_boxes import label_boxes
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.chart import COLOURS, Chart, Line, draw
from streamdeq.evaluation.steadiness import Answers, Steadiness, Way, measure, watch
from streamdeq.evaluation.table import piped
from streamdeq.evaluation.watched import CONVERGED, SKIP, cells, ways
from streamdeq.files import atomic_path
from streamdeq.streaming.locate import FromTable
from streamdeq.streaming.options import StartFrom
from streamdeq.training.log import surroundings
from streamdeq.values.frame import Frame
from streamdeq.video import open_source


def main() -> None:
    asked = _arguments()
    torch.set_num_threads(1)
    model = streamdeq.load(asked.model)
    if model.spec.task != "pose":
        raise StreamdeqError(f"expected a pose model, got {asked.model}, which is for {model.spec.task}")
    counts = [int(number) for number in asked.iterations.split(",")]
    videos = dict(_watched(model, ways(counts), asked))
    rows = measure(list(videos.values()), CONVERGED, asked.skip)
    print(f"{rows[0].triples} times three frames on end")
    print("\n".join(piped(cells(rows))))
    if asked.out is not None:
        frames = {name: len(video[CONVERGED]) for name, video in videos.items()}
        header = {"model": model.spec.name, "frames": frames, "skip": asked.skip}
        _write(asked.out, header | {"surroundings": surroundings(model.functions.device)}, rows)


def _watched(model: Model, some: tuple[Way, ...], asked: argparse.Namespace) -> Iterator[tuple[str, Answers]]:
    for source in asked.sources:
        boxes = FromTable(label_boxes(source)) if asked.boxes == "labels" else asked.boxes
        where = model.locator(boxes)  # anew for each: a detector's stream is of one video
        with open_source(source) as items:
            images = (item.image for item in items if isinstance(item, Frame))
            yield source, watch(model, islice(images, asked.frames), some, where)


def _write(out: Path, header: dict, rows: list[Steadiness]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(out.with_suffix(".json")) as part:
        found = header | {"rows": [row.to_plain() for row in rows]}
        part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    with atomic_path(out.with_suffix(".png")) as part:
        draw(_chart(header["model"], rows)).save(part, "PNG")


def _chart(model: str, rows: list[Steadiness]) -> Chart:
    """Both figures, in percent of the crop's side, over the iterations."""
    lines = []
    for figure, colour in (("jitter %", COLOURS[1]), ("distance %", COLOURS[2])):
        for start in (StartFrom.PREVIOUS, StartFrom.ZEROS):
            some = [row for row in rows if row.way.start == start and row.way != CONVERGED]
            points = tuple((float(row.way.iterations), row.figures[figure]) for row in some)
            name = f"{figure.split()[0]}, {some[0].way.name}"
            lines.append(Line(name, points, colour, dashed=start == StartFrom.ZEROS, dots=True))
    level = rows[-1].figures["jitter %"]
    across = [float(n) for n in (rows[0].way.iterations, max(row.way.iterations for row in rows[:-1]))]
    lines.append(Line("jitter, single at 20", tuple((x, level) for x in across), COLOURS[0], dashed=True))
    title = f"{model}: acceleration of points, distance from converged"
    return Chart(title, "iterations per frame", "% of the crop's side", tuple(lines), y_range=_range(lines))


def _range(lines: list[Line]) -> tuple[float, float]:
    return 0.0, max(y for line in lines for _, y in line.points)


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
