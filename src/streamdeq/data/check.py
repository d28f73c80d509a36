"""What a folder of data is, what it lacks, and whether a sample of it can be read."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from streamdeq.data.base import Dataset
from streamdeq.data.labels import read_labels, single_class, spaced
from streamdeq.data.open import find_reader
from streamdeq.data.problems import problems_of
from streamdeq.data.reader import Reader
from streamdeq.data.target_counts import count
from streamdeq.errors import StreamdeqError

USUAL = ("train", "val", "test")


@dataclass(frozen=True)
class SplitReport:
    """`before` is the least and the most number of frames before a labelled one: what streaming has to start with."""

    name: str
    clips: int
    frames: int
    labelled: int
    before: tuple[int, int]


@dataclass(frozen=True)
class Share:
    """A class and its share, 0..1, of what was counted."""

    name: str
    share: float


@dataclass(frozen=True)
class Report:
    """`missing` is what could be there and is not; `problems` is what is there and wrong;
    `notes` is how it was understood where that is not plain.

    `unit` is what the shares are of, in so many `sampled` frames, or (None) in all of the first split; `ignored` the
    share of them that counts nowhere.
    """

    layout: str
    name: str
    task: str
    licence: str
    splits: tuple[SplitReport, ...]
    classes: tuple[Share, ...]
    sampled: int | None
    unit: str
    ignored: float
    missing: tuple[str, ...]
    problems: tuple[str, ...]
    source: str
    notes: tuple[str, ...] = ()


def check(
    folder: Path,
    sample: int = 50,
    watch: Callable[[], None] = lambda: None,
    task: str = "",
    allow_outside: bool = False,
) -> Report:
    """Open every split of `folder` and read `sample` labelled frames of each, evenly spaced; `watch` after each.

    Where a folder has labels for two tasks, `task` says which of them; for the rest see `open_dataset`.

    Raises:
        StreamdeqError: the folder is nothing known, or none of its splits can be opened.
    """
    reader = find_reader(folder, task, allow_outside)
    datasets, problems = _open_all(reader, folder)
    if task and datasets[0].task != task:
        raise StreamdeqError(f"expected labels for {task} in {folder}, got {reader.title}, for {datasets[0].task}")
    counts, ignored, unit, sampled, odd = Counter[int](), 0, "", 0, list[str]()
    for dataset in datasets:
        if "-" in dataset.split:
            continue  # a part of a split that is sampled anyway
        found, shown = read_labels(dataset, str(folder))
        few = 0 < 2 * shown < len(dataset.samples)
        odd += [f"{dataset.split}: only {shown} of {len(dataset.samples)} labelled pictures show anything"] * few
        if dataset.samples or dataset.split != "test":  # those of a test split are often held back
            problems += found.found
        for clip, t in spaced(dataset.samples, sample):
            sampled += 1
            try:
                shown = count(clip.target(t), clip.image(t), f"frame {t} of clip '{clip.name}'")
                counts, ignored, unit = counts + shown.counts, ignored + shown.ignored, shown.unit or unit
            except StreamdeqError as error:
                problems.append(str(error))
            watch()
    first = datasets[0]
    odd += filter(None, [single_class(first, counts, ignored)])
    notes = tuple(dict.fromkeys(note for dataset in datasets for note in dataset.notes))
    notes += tuple(f"it has labels for {other}, too: --task {other}" for other in reader.others(folder) if not task)
    counted_whole = first.task == "classification"  # nothing has to be read to know which class a picture shows
    if counted_whole:
        counts, unit = Counter(clip.target(t) for clip, t in first.samples), "pictures"
    return Report(
        layout=reader.title,
        name=first.name,
        task=first.task,
        licence=first.licence,
        splits=tuple(_split(dataset) for dataset in datasets),
        classes=_shares(first, counts),
        sampled=None if counted_whole else sampled,
        unit=unit or "labels",
        ignored=ignored / max(1, ignored + counts.total()),
        missing=(*_missing(reader, folder, datasets), *odd),
        problems=tuple(dict.fromkeys(problems)),
        source=reader.source,
        notes=notes,
    )


def check_present(dataset: Dataset) -> None:
    """Raise StreamdeqError with the first picture or film of a split that is not there; none is read."""
    last = None
    for clip in dataset.clips:
        for t in range(len(clip)):
            place = clip.place(t)
            if place is None or place[0] == last:
                continue
            last = place[0]
            if not os.path.isfile(last):
                raise StreamdeqError(
                    f"expected the file {last}, which is missing, of clip '{clip.name}' of {dataset.name}, "
                    f"{dataset.split}; put it there, or get the data set again"
                )


def _open_all(reader: Reader, folder: Path) -> tuple[list[Dataset], list[str]]:
    datasets: list[Dataset] = []
    failed: dict[str, tuple[str, ...]] = {}
    for split in reader.splits(folder):
        whole = split.partition("-")[0]
        if whole in failed:
            continue  # what is wrong with the whole is wrong with its parts
        try:
            datasets.append(reader.open(folder, split))
        except StreamdeqError as error:
            failed[split] = problems_of(error)
    if not datasets:
        nothing = f"expected a split {' or '.join(USUAL)}, found none; {reader.source}"
        raise StreamdeqError(f"{folder} looks like {reader.title}, but {next(iter(failed.values()), [nothing])[0]}")
    # Where to get it is told once, below all problems.
    return datasets, [problem.removesuffix(f"; {reader.source}") for found in failed.values() for problem in found]


def _split(dataset: Dataset) -> SplitReport:
    labelled = dataset.samples
    before = [t for _, t in labelled] or [0]
    frames = sum(len(clip) for clip in dataset.clips)
    return SplitReport(dataset.split, len(dataset.clips), frames, len(labelled), (min(before), max(before)))


def _shares(dataset: Dataset, counts: Counter[int]) -> tuple[Share, ...]:
    counted = [counts[index] for index in range(len(dataset.classes))]
    return tuple(Share(name, n / max(1, sum(counted))) for name, n in zip(dataset.classes, counted, strict=True))


def _missing(reader: Reader, folder: Path, datasets: list[Dataset]) -> tuple[str, ...]:
    there = reader.splits(folder)
    missing = [f"no split '{split}'" for split in USUAL if split not in there]
    for dataset in datasets:
        whole = reader.complete.get(dataset.split, 0)
        if len(dataset.samples) < whole:
            missing.append(f"{dataset.split}: {len(dataset.samples)} of {whole} labelled frames")
    clips = [clip for dataset in datasets for clip in dataset.clips]
    if datasets[0].task != "classification" and all(len(clip) == 1 for clip in clips):
        missing.append("no films: single pictures can be trained on, but nothing can be streamed")
    try:
        return (*missing, *reader.unused(folder))
    except StreamdeqError:
        return tuple(missing)  # it cannot be read, which is among the problems
