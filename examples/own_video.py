"""Your own video: a model streamed through it, the answers drawn on a film and written as a table.

python examples/own_video.py street.mp4 --model people-s --iterations 1
"""

import argparse
import csv
from pathlib import Path

import streamdeq
from streamdeq.values.frame import Frame
from streamdeq.video import VideoSink, open_source


def main(arguments: list[str] | None = None) -> None:
    """Writes NAME.drawn.mp4 and NAME.csv into the folder `--out`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--model", default="camvid-s", help="see: streamdeq models")
    parser.add_argument("--iterations", type=int, default=1, help="applications of f for each frame")
    parser.add_argument("--out", type=Path, default=Path())
    told = parser.parse_args(arguments)

    model = streamdeq.load(told.model)
    film, table = told.out / f"{told.video.stem}.drawn.mp4", told.out / f"{told.video.stem}.csv"
    told.out.mkdir(parents=True, exist_ok=True)
    rows = []
    with (
        open_source(told.video) as source,
        model.stream(told.iterations) as stream,
        VideoSink(film, source.fps) as sink,
    ):
        for item in source:
            result = stream.take(item)
            if result is None or not isinstance(item, Frame):
                continue  # a frame that cannot be decoded: it is counted, and the stream goes on
            rows += [{"frame": item.index, "time_s": item.time_s, **row} for row in result.rows()]
            sink.write(Frame(result.plot(), item.index, item.time_s, item.pts, item.time_base))
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["frame", "time_s", *result.COLUMNS])
        writer.writeheader()
        writer.writerows(rows)
    print(f"{stream.stats.processed} frames, {stream.stats.failed} damaged: {film}, {table}")


if __name__ == "__main__":
    main()
