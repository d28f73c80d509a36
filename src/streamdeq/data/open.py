"""Open a data set by what a user types: a folder, or `synthetic[:key=value,...]`. Knows no file format."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from streamdeq.data import camvid
from streamdeq.data.base import Dataset
from streamdeq.errors import StreamdeqError


@dataclass(frozen=True)
class Layout:
    """A kind of folder: how to recognise it, how to open it, and what it holds, in words for the error."""

    name: str
    recognise: Callable[[Path], bool]
    open: Callable[[Path, str], Dataset]
    expected: str


LAYOUTS = (Layout("CamVid", camvid.is_camvid, camvid.open_camvid, camvid.EXPECTED),)


def open_dataset(spec: str, split: str) -> Dataset:
    """The `split` of the data set named by `spec`.

    Raises:
        StreamdeqError: no such folder, an unknown layout or split, an incomplete data set.
    """
    folder = Path(spec).expanduser()
    known = "; ".join(f"{layout.name}: {layout.expected}" for layout in LAYOUTS)
    if not folder.is_dir():
        raise StreamdeqError(
            f"expected a folder with a data set ({known}), but {spec} is not a folder; check --data"
        )
    for layout in LAYOUTS:
        if layout.recognise(folder):
            return layout.open(folder, split)
    raise StreamdeqError(f"expected a data set in {spec} ({known}), found none of them; check --data")
