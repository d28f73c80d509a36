"""Open a data set by what a user types: a folder of any format, or `synthetic[:key=value,...]`."""

from pathlib import Path

from streamdeq.data import readers
from streamdeq.data.base import Dataset
from streamdeq.data.holdout import divided, part_of
from streamdeq.data.reader import READERS, Reader
from streamdeq.data.synthetic.street import open_street
from streamdeq.data.unknown_folder import refuse

SYNTHETIC = "synthetic"


def open_dataset(spec: str, split: str, task: str = "", allow_outside: bool = False) -> Dataset:
    """The `split` of the data set named by `spec`.

    `spec` is a folder that one of the readers recognises, or `synthetic[:key=value,...]` with the keys of `StreetSpec`.
    Some folders have labels for two tasks, as COCO's has: `task` is what they are wanted for. Files in a folder may
    name pictures elsewhere only where that is allowed. `train-fit` and `train-holdout` divide any `train`.

    Raises:
        StreamdeqError: no such folder, an unknown format or split, an incomplete data set.
    """
    if spec == SYNTHETIC or spec.startswith(f"{SYNTHETIC}:"):
        return open_street(spec[len(SYNTHETIC) + 1 :], split)
    folder = Path(spec).expanduser()
    reader, (whole, part) = find_reader(folder, task, allow_outside), part_of(split)
    if part and split not in reader.splits(folder):
        return divided(reader.open(folder, whole), part)
    return reader.open(folder, split)


def all_readers() -> list[Reader]:
    """In the order in which they are asked: those of other packages first, as ours take what looks like theirs."""
    rank = {name: number for number, name in enumerate(readers.ORDER)}
    return [READERS[name]() for name in sorted(READERS, key=lambda name: rank.get(name, -1))]


def formats() -> str:
    """A line for each format: what it is called, and what a folder holds."""
    return "\n".join(f"{reader.title}: {reader.expected}" for reader in all_readers())


def find_reader(folder: Path, task: str = "", allow_outside: bool = False) -> Reader:
    """The first reader that recognises `folder`, or a file in its place; those for `task` are asked before the others.

    Raises:
        StreamdeqError: no such folder, or one that nobody recognises.
    """
    asked = [reader for reader in all_readers() if folder.suffix in reader.suffixes or not folder.is_file()]
    if not (folder.is_dir() or (asked and folder.is_file())):
        raise refuse(folder, "", lambda place: False)
    for reader in asked:
        reader.allow_outside, reader.asked = allow_outside, task
    for reader in sorted(asked, key=lambda reader: not reader.task or reader.task != task):
        if reader.recognises(folder):
            return reader
    lacks = next((f"{one.title}\n{what}" for one in asked if (what := one.lacks(folder))), "")
    raise refuse(folder, lacks, lambda place: any(reader.recognises(place) for reader in asked))
