"""One layout of data into another: pictures copied or linked, splits and class names kept, what is lost told."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamdeq.data.writers  # noqa: F401  (registers the layouts)
from streamdeq.data.base import Dataset
from streamdeq.data.open import SYNTHETIC, find_reader, open_dataset
from streamdeq.data.writer import WRITERS, Told
from streamdeq.errors import StreamdeqError
from streamdeq.files import whole_folder

#: What a split of a layout that has none is written as.
_SPLITS = {"all": "train"}


@dataclass(frozen=True)
class Converted:
    """What came of it: the task, how many frames are labelled in each split, what was written and what lost."""

    task: str
    classes: int
    splits: dict[str, int]
    told: Told
    notes: tuple[str, ...]


def convert(
    source: str | Path,
    folder: str | Path,
    to: str,
    task: str = "",
    link: bool = False,
    watch: Callable[[], None] = lambda: None,
    allow_outside: bool = False,
) -> Converted:
    """Write the data set `source`, all its splits, into `folder`, which is new or empty and appears whole.

    Args:
        to: the layout, one of `WRITERS`.
        task: what is wanted of a folder that has labels for several.
        link: pictures become links to those that there are.
        watch: called after each frame.

    Raises:
        StreamdeqError: the folder has something in it; the layout does not hold such labels; the source is broken.
    """
    kind, folder = WRITERS[to], Path(folder).expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StreamdeqError(f"expected a new or an empty folder to write into, got {folder}; choose another")
    datasets, bare = _opened(str(source), task, allow_outside)
    found = next(iter(datasets.values()))
    if task and found.task != task:
        raise StreamdeqError(
            f"expected labels for {task} in {source}, got {found.task}; leave out --task, or correct it"
        )
    if found.task not in kind.tasks:
        fitting = ", ".join(name for name in WRITERS if found.task in WRITERS[name].tasks) or "none"
        raise StreamdeqError(
            f"expected labels for {' or '.join(kind.tasks)} to write as {to}, got {found.task} in {source}: "
            f"{kind.instead} (layouts for {found.task}: {fitting})"
        )
    with whole_folder(folder) as part:
        writer = kind(part, link)
        for split, dataset in datasets.items():
            for _ in writer.add(dataset, split):
                watch()
        writer.finish()
        origin = f"# {found.name}\n\nConverted from {found.name} by `streamdeq data convert`.\n"
        (part / "README.md").write_text(f"{origin}\nLicence: {found.licence}\n", "utf-8")
    counts = {split: len(dataset.samples) for split, dataset in datasets.items()}
    notes = [*dict.fromkeys(note for dataset in datasets.values() for note in dataset.notes)]
    notes += [f"split '{split}' has no labels, and is not written" for split in bare]
    return Converted(found.task, len(found.classes), counts, writer.told, tuple(notes))


def _opened(source: str, task: str, allow_outside: bool) -> tuple[dict[str, Dataset], list[str]]:
    """The splits by what they are written as, not those that are a part of another; and which have no labels.

    Raises:
        StreamdeqError: they have different classes, or nothing is labelled.
    """
    made = source == SYNTHETIC or source.startswith(f"{SYNTHETIC}:")
    place = Path(source).expanduser()
    names = ("train", "val") if made else find_reader(place, task, allow_outside).splits(place)
    whole = [name for name in names if "-" not in name]
    found = {_SPLITS.get(name, name): open_dataset(source, name, task, allow_outside) for name in whole}
    labelled = {name: dataset for name, dataset in found.items() if dataset.samples}
    if not labelled:
        raise StreamdeqError(f"expected labelled frames in {source}, got none; see `streamdeq data check`")
    first = next(iter(labelled.values()))
    for name, dataset in labelled.items():
        if dataset.classes != first.classes:
            raise StreamdeqError(
                f"expected the same classes in every split of {source}, got {', '.join(first.classes)[:200]} and, in "
                f"'{name}', {', '.join(dataset.classes)[:200]}; list all of them in every file"
            )
    return labelled, [name for name in found if name not in labelled]
