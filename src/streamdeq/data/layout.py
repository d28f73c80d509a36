"""What a kind of folder has to say about itself, so that it can be recognised, opened and checked. Knows no kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from streamdeq.data.base import Dataset


def nothing(folder: Path) -> tuple[str, ...]:
    return ()


def unlike(folder: Path) -> str:
    return ""


@dataclass(frozen=True)
class Layout:
    """A kind of folder.

    Args:
        name: what it is called.
        recognise: whether a folder is one, whole or not.
        open: a split of it, by name.
        expected: what it holds, in words for the error.
        splits: the splits of which a folder has anything; `train-fit` is a part of `train`.
        source: how to get what a folder lacks, in words.
        complete: the number of labelled frames of a split, where it is known.
        unused: what is in a folder and used by no split, in words.
        lacks: what a folder that is not recognised lacks to be one, in words; empty where it is nothing of the kind.
        task: what its labels are for, where a folder can be of two kinds at once or nobody looks for boxes; else empty.
    """

    name: str
    recognise: Callable[[Path], bool]
    open: Callable[[Path, str], Dataset]
    expected: str
    splits: Callable[[Path], tuple[str, ...]]
    source: str
    complete: Mapping[str, int] = field(default_factory=dict)
    unused: Callable[[Path], tuple[str, ...]] = nothing
    lacks: Callable[[Path], str] = unlike
    task: str = ""
