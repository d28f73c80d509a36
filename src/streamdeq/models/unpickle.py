"""A pickle of tensors, read by torch's own reader for those: nothing in it is run, and it makes no more of itself than
it is large.

A few hundred bytes of pickle can stand for values without end, as one may use what it has made again and again. So the
program of the pickle is followed first, with sizes in place of values.
"""

import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickletools import genops, markobject, stackslice
from typing import IO, Any

import torch
from torch import Tensor

from streamdeq.errors import StreamdeqError
from streamdeq.reading import check_regular

#: Parts of all that is used again. Every published file has fewer by far; to hash so many takes a second.
MOST_PARTS = 10_000_000
#: Of the format before zip: magic number, protocol, system, the object, the keys of its storages.
LEGACY_PICKLES = 5


def unpickle(path: Path) -> list[Mapping[Any, Any]]:
    """The mappings in a file that `torch.save` wrote, outer ones first, with nothing but tensors and plain values.

    Raises:
        StreamdeqError: no such file, one that wants more than that, or one that is made to be larger than it is.
    """
    check_regular(path)
    try:
        _follow(path)
    except (ValueError, IndexError, KeyError, TypeError, OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise _no_checkpoint(path) from error
    found = list(_mappings(_loaded(path)))
    tensors = [value for table in found for value in table.values() if isinstance(value, Tensor)]
    _check(tensors, path)
    return found


def _follow(path: Path) -> None:
    """Raise StreamdeqError where an archive unpacks to more than it has, or what its pickles use again is too much."""
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            file.seek(0)
            for _ in range(LEGACY_PICKLES):
                _check_use(file, path)
            return
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > path.stat().st_size:  # torch compresses nothing
                raise _blown_up(path)
            for entry in entries:
                if entry.filename.endswith("data.pkl"):
                    _check_use(archive.open(entry), path)


def _check_use(file: IO[bytes], path: Path) -> None:
    """Raise StreamdeqError where all that a pickle uses again has more than `MOST_PARTS` parts."""
    stack: list[int] = []
    marks: list[int] = []
    kept: dict[Any, int] = {}
    total = 0
    for step, argument, _ in genops(file):
        if step.name == "MARK":
            marks.append(len(stack))
        elif "PUT" in step.name or step.name == "MEMOIZE":
            kept[len(kept) if argument is None else argument] = stack[-1]
        elif "GET" in step.name:
            stack.append(kept[argument])
            total += kept[argument]
        else:
            marked = stackslice in step.stack_before
            taken = step.stack_before.index(markobject) if markobject in step.stack_before else len(step.stack_before)
            begin = (marks.pop() if marked else len(stack)) - taken
            size = 1 + sum(stack[begin:])
            stack[begin:] = [size] * len(step.stack_after)
        if total > MOST_PARTS:
            raise _blown_up(path)


def _loaded(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols: what cannot be read raises anyway
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if wanted := re.search(r"GLOBAL (\S+)", str(error)):
            raise StreamdeqError(
                f"{path} is refused: it wants '{wanted[1]}', and a pickle that asks for more than tensors can run "
                "any code; save the state_dict alone, on a machine that trusts the file"
            ) from None
        raise _no_checkpoint(path) from None
    except Exception as error:  # anything at all comes out of a reader that is fed something else
        raise _no_checkpoint(path) from error


def _mappings(value: Any) -> Iterator[Mapping[Any, Any]]:
    """A mapping and the mappings inside it, each once, outer ones first."""
    waiting, seen = [value], set[int]()
    while waiting:
        if isinstance(table := waiting.pop(), Mapping) and id(table) not in seen:
            seen.add(id(table))
            yield table
            waiting += reversed(list(table.values()))


def _check(tensors: list[Tensor], path: Path) -> None:
    """Raise StreamdeqError unless all are in memory, and no larger together than twice the file."""
    total = 0
    for one in tensors:
        if one.layout is not torch.strided or one.device.type != "cpu" or one.is_quantized:
            raise StreamdeqError(f"{path} is refused: it has a tensor of {one.layout} on {one.device}, save plain ones")
        total += one.numel() * one.element_size()
        if one.numel() * one.element_size() > one.untyped_storage().nbytes():  # a stride of 0 shows one value often
            raise _blown_up(path)
    if total > 2 * path.stat().st_size:
        raise _blown_up(path)


def _blown_up(path: Path) -> StreamdeqError:
    return StreamdeqError(
        f"{path} is refused: what it holds is made to be many times as large as the file; save the state_dict alone"
    )


def _no_checkpoint(path: Path) -> StreamdeqError:
    return StreamdeqError(
        f"{path} is no PyTorch checkpoint, or cut short; expected a .pkl or .pth file, fetch it again"
    )
