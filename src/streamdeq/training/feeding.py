"""How fast samples are made, beside what decoding their files alone takes: `streamdeq train RECIPE --dry-loader`."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from streamdeq.data.base import Dataset
from streamdeq.data.randomness import sample_index
from streamdeq.data.sampling import Batch
from streamdeq.data.targets import LabelMaps
from streamdeq.tasks.objective import Objective
from streamdeq.training.batches import ahead
from streamdeq.training.recipe import Recipe

#: What is measured takes about so long, each.
SECONDS = 10.0


@dataclass(frozen=True)
class Feed:
    """Samples per second: made by one core, decoded alone by one core, and made by `workers` processes (None: not
    measured). A core's are by its own processor time, so that others on the machine change little."""

    samples: int
    made: float
    decoded: float
    workers: int
    together: float | None

    @property
    def share(self) -> float:
        """Of what decoding alone would let through."""
        return self.made / self.decoded

    def lines(self) -> list[str]:
        """For a person."""
        said = [
            f"{self.samples} samples",
            f"read, augmented, put together: {self.made:.1f} samples/s per core",
            f"decoded alone: {self.decoded:.1f} samples/s per core",
            f"share: {self.share:.0%}",
        ]
        return [*said, f"{self.workers} workers: {self.together:.1f} samples/s"] if self.together else said


def measure(recipe: Recipe, objective: Objective, workers: int) -> Feed:
    """Make the run's first batches, in turns with decoding the files of their samples, on one thread."""
    dataset, threads = objective.dataset, torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        made = decoded = 0.0
        objective.batch(0)  # what the first one loads, libraries and lists, is paid once
        for step in count():
            places = list(_places(recipe, dataset, step))
            _timed(lambda p=places: [path.read_bytes() for path in p])  # neither shall wait for the disk
            made += _timed(lambda s=step: objective.batch(s))
            decoded += _timed(lambda p=places: [_decode(path) for path in p])
            if made >= SECONDS:
                break
        samples = (step + 1) * recipe.batch
        together = _together(objective.batch, step + 1, recipe.batch, workers) if workers else None
        return Feed(samples, samples / made, samples / decoded if decoded else float("inf"), workers, together)
    finally:
        torch.set_num_threads(threads)


def _timed(work: Callable[[], object]) -> float:
    """Processor seconds."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _together(make: Callable[[int], Batch], steps: int, batch: int, workers: int) -> float:
    """By the clock, from the first batch on: what comes before is the start of the processes."""
    batches = ahead(make, range(steps * workers + 1), workers)
    next(batches)
    began = time.perf_counter()
    number = sum(1 for _ in batches)
    return number * batch / (time.perf_counter() - began)


def _places(recipe: Recipe, dataset: Dataset, step: int) -> Iterator[Path]:
    """The picture of every sample of a step, and its label map."""
    for position in range(step * recipe.batch, (step + 1) * recipe.batch):
        clip, t = dataset.samples[sample_index(recipe.seed, "order", position, len(dataset.samples))]
        place = clip.place(t)
        if place is not None and place[1] is None:
            yield place[0]
        if isinstance(clip.targets, LabelMaps):
            yield clip.targets.files[t].path


def _decode(path: Path) -> np.ndarray:
    """To an array of pixels, by the library that reads pictures here."""
    with Image.open(path) as picture:
        return np.asarray(picture)
