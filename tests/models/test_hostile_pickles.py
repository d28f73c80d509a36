"""A pickle that somebody made to be endless, or larger than it is, is refused in one line, at once."""

import io
import pickle
import resource
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from streamdeq.errors import StreamdeqError
from streamdeq.models.convert import convert_checkpoint

#: What the format before zip begins with: magic number, protocol, system.
HEAD = b"".join(
    pickle.dumps(one, protocol=2)
    for one in (
        0x1950A86A20F9469CFC6C,
        1001,
        {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}},
    )
)


def refusal(path: Path) -> str:
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(StreamdeqError) as caught:
        convert_checkpoint(path, "segmentation")
    assert time.monotonic() - began < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kilobytes
    assert str(caught.value).isprintable()
    assert str(path) in str(caught.value)
    return str(caught.value)


def cycle() -> Any:
    found: dict[str, Any] = {"fullstage": 1}
    found["model"] = {"again": found, "list": [found]}
    return found


def shared() -> Any:
    found: dict[str, Any] = {}
    for _ in range(60):
        found = {"left": found, "right": found}
    return found


def stretched(dtype: torch.dtype = torch.float32) -> Any:
    return {"fullstage.branches.0.blocks.0.conv1.weight_v": torch.ones(1, dtype=dtype).expand(1 << 20, 1 << 20)}


def many_views() -> Any:
    one = torch.ones(1000)
    return {f"fullstage.{k}": one for k in range(10_000)}


def sparse() -> Any:
    return {"fullstage.a": torch.sparse_coo_tensor([[0], [0]], [1.0], (1 << 20, 1 << 20), check_invariants=True)}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    ("made", "words"),
    [
        (cycle, "holds no MDEQ"),
        (shared, "holds no MDEQ"),
        (stretched, "many times as large as the file"),
        (many_views, "many times as large as the file"),
        (sparse, "save plain ones"),
    ],
)
def test_values_that_stand_for_more_than_they_are(tmp_path: Path, made: Callable[[], Any], words: str, legacy: bool):
    torch.save(made(), tmp_path / "a.pth", _use_new_zipfile_serialization=not legacy)
    assert words in refusal(tmp_path / "a.pth")


def doubled_key(times: int) -> bytes:
    """A dictionary whose key is a tuple of two of a tuple of two of …: its hash takes 2^times steps."""
    program = io.BytesIO()
    program.write(b"\x80\x02)q\x00")
    for k in range(times):
        program.write(b"h%ch%c\x86q%c" % (k, k, k + 1))
    program.write(b"}h%cK\x01s." % times)
    return program.getvalue()


def test_a_key_that_takes_for_ever_to_hash(tmp_path: Path):
    (tmp_path / "a.pkl").write_bytes(HEAD + doubled_key(60) + pickle.dumps([], protocol=2))
    assert "many times as large" in refusal(tmp_path / "a.pkl")
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("a/data.pkl", doubled_key(60))
        archive.writestr("a/version", "3\n")
    assert "many times as large" in refusal(tmp_path / "a.pth")


def test_an_archive_that_unpacks_to_more_than_it_has(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", pickle.dumps({}, protocol=2))
        archive.writestr("a/data/0", bytes(50_000_000))
    assert "many times as large" in refusal(tmp_path / "a.pth")


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\x80\x02", b"(" * 1000, b"h\x07.", b"0.", b"I" + b"9" * 5000]
)
def test_what_is_no_pickle(tmp_path: Path, content: bytes):
    (tmp_path / "a.pkl").write_bytes(content)
    assert "no PyTorch checkpoint" in refusal(tmp_path / "a.pkl")
