"""Many films in one process: as `streamdeq run a.mp4 b.mp4 …` does, in batches, a thread each, one after another.

    python benchmarks/many_sources.py FILM FILM … [--model camvid-s] [--iterations 1] [--turns 3] [--write jsonl]

All write the same files and are measured in turns; the median of the frames per second of all films together is
told, and how many rows a batch had.
"""

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import mean, median
from threading import Thread
from time import perf_counter

import torch

import streamdeq
from streamdeq.running.options import RunOptions
from streamdeq.running.run import Run
from streamdeq.running.several import Runs
from streamdeq.runtime import gathered
from streamdeq.streaming.options import StreamOptions


def alone(model: streamdeq.Model, film: str, options: RunOptions) -> int:
    work = Run(model, film, options)
    with work.results() as results:
        return sum(1 for _ in results)


def in_turn(model: streamdeq.Model, films: list[str], options: Callable[[str], RunOptions]) -> int:
    return sum(alone(model, film, options(film)) for film in films)


def threads(model: streamdeq.Model, films: list[str], options: Callable[[str], RunOptions]) -> int:
    frames: list[int] = []
    made = [Thread(target=lambda film=film: frames.append(alone(model, film, options(film)))) for film in films]
    for thread in made:
        thread.start()
    for thread in made:
        thread.join()
    return sum(frames)


def together(model: streamdeq.Model, films: list[str], options: Callable[[str], RunOptions]) -> int:
    return sum(told.what == "frame" for told in Runs(model, films, options("")).results())


def options(chosen: argparse.Namespace, folder: Path, film: str) -> RunOptions:
    stream, write = StreamOptions(chosen.iterations), chosen.write.split(",")
    return RunOptions(stream=stream, save=folder / Path(film).stem, write=tuple(write))


def batches(model: streamdeq.Model, films: list[str], options: Callable[[str], RunOptions]) -> int:
    return together(model.gathered(), films, options)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("films", nargs="+")
    parser.add_argument("--model", default="camvid-s")
    parser.add_argument("--iterations", type=int, default=1)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--write", default="jsonl")
    chosen = parser.parse_args()
    model = streamdeq.load(chosen.model)
    rows: list[int] = []
    computed = gathered._computed
    gathered._computed = lambda batch: (rows.append(len(batch)), computed(batch))[1]  # type: ignore[assignment]
    ways = {"together": together, "batches": batches, "threads": threads, "in turn": in_turn}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(chosen.turns):
        for name, how in ways.items():
            with tempfile.TemporaryDirectory() as folder:
                began = perf_counter()
                frames = how(model, chosen.films, partial(options, chosen, Path(folder)))
                rates[name].append(frames / (perf_counter() - began))
    print(f"{len(chosen.films)} films, {chosen.model}, {torch.get_num_threads()} threads, {torch.__version__}")
    for name, some in rates.items():
        print(f"{name}: {median(some):.1f} fps ({', '.join(f'{one:.1f}' for one in some)})")
    print(f"rows of a batch: {mean(rows):.1f}")


if __name__ == "__main__":
    main()
