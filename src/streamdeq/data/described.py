"""Classes of pictures that come with what a teacher saw in each picture: a vector to learn beside the class."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from streamdeq.data.base import Dataset
from streamdeq.errors import StreamdeqError

#: Below the folder of class folders, `SPLIT.safetensors` with the tensor of that name: (pictures, D), in the order of
#: the split's pictures.
FOLDER, TENSOR = "features", "features"


class Described(int):
    """A class index with a vector (D,); to whoever does not ask for the vector it is the index."""

    vector: np.ndarray

    def __new__(cls, index: int, vector: np.ndarray) -> "Described":
        made = super().__new__(cls, index)
        made.vector = vector
        return made

    def __getnewargs__(self) -> tuple[int, np.ndarray]:
        return int(self), self.vector


@dataclass(frozen=True, eq=False, slots=True)
class OneDescribed:
    """The target of a clip of one picture."""

    index: int
    vector: np.ndarray
    labelled: tuple[int, ...] = (0,)

    def read(self, t: int) -> Described:
        return Described(self.index, self.vector)


@dataclass(frozen=True)
class DescribedDataset(Dataset):
    """`length`: of the vectors."""

    length: int = 0

    @property
    def head(self) -> dict[str, Any]:
        return {"features": self.length}


def vectors(folder: Path, split: str, names: Sequence[str]) -> np.ndarray | None:
    """(len(names), D) of the split's pictures `names`; None where no teacher has seen them.

    Raises:
        StreamdeqError: another file, or one of other pictures.
    """
    path = folder / FOLDER / f"{split}.safetensors"
    if not path.is_file():
        return None
    try:
        found = load_file(path).get(TENSOR)
    except (SafetensorError, OSError) as error:
        raise StreamdeqError(f"expected a safetensors file at {path}, cannot read it: {error}") from error
    if found is None or found.ndim != 2 or len(found) != len(names) or not found.shape[1]:
        shape = "none of that name" if found is None else str(found.shape)
        raise StreamdeqError(
            f"expected a tensor '{TENSOR}' ({len(names)}, D), a row for each picture of {folder / split}, in {path}, "
            f"got {shape}; make it anew for these pictures"
        )
    return found
