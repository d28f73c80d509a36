"""Open a data set by what a user types: a folder, or `synthetic[:key=value,...]`. Knows no file format."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from streamdeq.data import camvid
from streamdeq.data.base import Dataset
from streamdeq.data.synthetic.street import open_street
from streamdeq.errors import StreamdeqError


@dataclass(frozen=True)
class Layout:
    """A kind of folder: how to recognise it, how to open it, and what it holds, in words for the error."""

    name: str
    recognise: Callable[[Path], bool]
    open: Callable[[Path, str], Dataset]
    expected: str


SYNTHETIC = "synthetic"
LAYOUTS = (Layout("CamVid", camvid.is_camvid, camvid.open_camvid, camvid.EXPECTED),)


def open_dataset(spec: str, split: str) -> Dataset:
    """The `split` of the data set named by `spec`.

    `spec` is a folder in one of `LAYOUTS`, or `synthetic[:key=value,...]` with the keys of `StreetSpec`.

    Raises:
        StreamdeqError: no such folder, an unknown layout or split, an incomplete data set.
    """
    if spec == SYNTHETIC or spec.startswith(f"{SYNTHETIC}:"):
        return open_street(spec[len(SYNTHETIC) + 1 :], split)
    folder = Path(spec).expanduser()
    known = "; ".join(f"{layout.name}: {layout.expected}" for layout in LAYOUTS)
    if not folder.is_dir():
        raise StreamdeqError(
            f"expected 'synthetic' or a folder with a data set ({known}), got {spec}, which is no folder"
        )
    for layout in LAYOUTS:
        if layout.recognise(folder):
            return layout.open(folder, split)
    raise StreamdeqError(f"expected a data set in {spec} ({known}), found none of them; check --data")
