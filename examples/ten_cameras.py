"""Ten cameras in one process: what their frames need is computed in one batch; each keeps a state of its own.

python examples/ten_cameras.py yard.mp4 gate.mp4 rtsp://camera/stream …

A round takes a frame of every camera, and so waits for the slowest. For cameras of different rates, day and night,
with a page: streamdeq serve.
"""

import argparse
import time
from contextlib import ExitStack
from itertools import zip_longest

import streamdeq
from streamdeq.values.frame import Frame
from streamdeq.video import open_source


def main(arguments: list[str] | None = None) -> None:
    """Says what each camera shows at the end, and how fast that was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", help="films, cameras' numbers, addresses")
    parser.add_argument("--model", default="camvid-s")
    parser.add_argument("--iterations", type=int, default=1)
    parser.add_argument("--frames", type=int, default=0, help="of each; 0: to the end")
    told = parser.parse_args(arguments)

    model = streamdeq.load(told.model)
    latest, answered, begun = [None] * len(told.sources), 0, time.perf_counter()
    with ExitStack() as stack:
        sources = [stack.enter_context(open_source(source)) for source in told.sources]
        streams = stack.enter_context(model.streams(len(sources), told.iterations))
        for number, items in enumerate(zip_longest(*sources), start=1):
            # None: this camera has no frame just now (it has ended, or one was damaged).
            results = streams([item.image if isinstance(item, Frame) else None for item in items])
            latest = [result or before for result, before in zip(results, latest, strict=True)]
            answered += sum(result is not None for result in results)
            if number == told.frames:
                break
    for source, result in zip(told.sources, latest, strict=True):
        print(f"{source}: {result}")
    print(f"{answered} frames, {answered / (time.perf_counter() - begun):.1f} per second")


if __name__ == "__main__":
    main()
