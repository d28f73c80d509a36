"""From a film to the annotated film, as `streamdeq run` makes it, beside decoding and encoding the same film alone.

    python benchmarks/file_to_file.py FILM [--model camvid-s] [--sizes 480x360,1280x720,1920x1080] [--frames 200]
        [--runtime openvino]

FILM is scaled to each size first (a street film fits camvid-s: `streamdeq demo` names the package that has one). Both
are measured in turns, the median of three is told: frames per second of wall time, processor seconds per frame, and
for the run the stages' medians. The run makes one iteration per frame and writes video and JSON.
"""

import argparse
import tempfile
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np
import torch
from PIL import Image

import streamdeq
from streamdeq import threads
from streamdeq.running.options import RunOptions
from streamdeq.running.run import Run
from streamdeq.streaming.options import StreamOptions
from streamdeq.values.frame import Frame
from streamdeq.video import ThreadedSink, VideoSink, open_source, prefetch

TURNS, AHEAD = 3, 4


def scale(film: Path, to: Path, size: tuple[int, int], frames: int) -> None:
    """A film of that (width, height) and so many frames, forwards and backwards as often as it takes."""
    with open_source(film) as source:
        pictures = [item.image for item in source if isinstance(item, Frame)]
    with VideoSink(to, 25) as sink:
        for n, picture in enumerate(islice(cycle(pictures + pictures[::-1]), frames)):
            sized = Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)
            sink.write(Frame(np.asarray(sized), n, n / 25))


def bare(film: Path, out: Path) -> float:
    """Seconds for decoding and encoding, side by side as a run does them."""
    began = perf_counter()
    with (
        prefetch(open_source(film), AHEAD) as source,
        ThreadedSink(VideoSink(out, 25), AHEAD, lambda frame: frame.image.nbytes) as sink,
    ):
        for item in source:
            if isinstance(item, Frame):
                sink.write(item)
    return perf_counter() - began


def run(model: streamdeq.Model, film: Path, out: Path, write: tuple[str, ...], runtime: str) -> Run:
    options = RunOptions(stream=StreamOptions(1, runtime=runtime), save=out, overwrite=True, write=write)  # type: ignore[arg-type]
    work = Run(model, film, options)
    with work.results() as results:
        for _ in results:
            pass
    return work


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("film", type=Path)
    parser.add_argument("--model", default="camvid-s")
    parser.add_argument("--sizes", default="480x360,1280x720,1920x1080")
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--runtime", default="eager", help="what computes the model, as in run")
    parser.add_argument("--turns", type=int, default=TURNS)
    chosen = parser.parse_args()
    threads.use(None, spared=1)  # as `streamdeq run` does where it writes a film
    model = streamdeq.load(chosen.model)
    print(f"{chosen.model}, one iteration, {chosen.runtime}, {torch.get_num_threads()} threads, {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        for text in chosen.sizes.split(","):
            width, height = map(int, text.split("x"))
            film = Path(folder) / f"{text}.mp4"
            scale(chosen.film, film, (width, height), chosen.frames)
            compare(model, film, text, chosen)


def compare(model: streamdeq.Model, film: Path, name: str, chosen: argparse.Namespace) -> None:
    alone, whole, silent, work_s, spent_s = [], [], [], [], []
    for _ in range(chosen.turns):
        began = process_time()
        alone.append(bare(film, film.with_name("bare.mp4")))
        spent_s.append(process_time() - began)
        began = process_time()
        work = run(model, film, film.with_name("out"), ("video", "jsonl"), chosen.runtime)
        whole.append(work.summary.seconds)
        work_s.append(process_time() - began)
        silent.append(run(model, film, film.with_name("out"), ("jsonl",), chosen.runtime).summary.seconds)
    frames = work.summary.processed
    fps = [frames / median(seconds) for seconds in (alone, whole, silent)]
    print(
        f"{name}: decode + encode alone {fps[0]:.1f} fps ({1e3 * median(spent_s) / frames:.1f} ms of processor), "
        f"run {fps[1]:.1f} fps = {fps[1] / fps[0]:.2f} of that ({1e3 * median(work_s) / frames:.1f} ms), "
        f"without film {fps[2]:.1f} fps"
    )
    print("  " + ", ".join(f"{stage} {ms:.1f}" for stage, ms in work.summary.stage_ms().items()) + " (median ms)")


if __name__ == "__main__":
    main()
