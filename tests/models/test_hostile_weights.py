"""A weights file that somebody made to end or to starve the program is refused in one line, or loads as it says."""

import json
import resource
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from streamdeq import load
from streamdeq.errors import StreamdeqError
from streamdeq.models import checkpoint
from streamdeq.models.architecture import Architecture
from streamdeq.models.checkpoint import read_weights, save_weights
from streamdeq.models.spec import ModelSpec, read_spec
from streamdeq.tasks import build_network

SPEC = ModelSpec(
    name="tiny",
    task="segmentation",
    architecture=Architecture((4, 8), groups=2, expansion=1),
    classes=("sky", "road"),
    palette=((0, 0, 255), (128, 64, 128)),
    size=32,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_weights(tmp_path / "tiny.safetensors", build_network(SPEC), SPEC)
    return tmp_path / "tiny.safetensors"


def described(path: Path, text: str) -> Path:
    """The same tensors with another description, by somebody who can compute a hash."""
    tensors = load_file(path)
    hash = checkpoint.digest(tensors)
    save_file(tensors, path, {"format": checkpoint.FORMAT, "spec": text, "hash": hash})
    return path


def changed(path: Path, **changes: Any) -> Path:
    return described(path, json.dumps(json.loads(SPEC.to_json()) | changes))


def refusal(path: Path) -> str:
    with pytest.raises(StreamdeqError) as caught:
        load(path, "cpu", "fp32")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000
    return str(caught.value)


ARCHITECTURE = json.loads(SPEC.to_json())["architecture"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 20_000}, "size must be at most 4096; got 20000"),
        ({"longest": 10**9}, "longest must be at most"),
        ({"iterations": 10**9}, "iterations must be at most 1000"),
        ({"architecture": ARCHITECTURE | {"channels": [4096, 4096]}}, "does not fit its architecture"),
        ({"architecture": ARCHITECTURE | {"channels": [1 << 20, 8]}}, "expected at most 8 scales, 8192 channels"),
        ({"architecture": ARCHITECTURE | {"channels": [4] * 40}}, "expected at most 8 scales"),
        ({"architecture": ARCHITECTURE | {"expansion": 10**6}}, "expansion 64"),
        ({"classes": ["x" * 1_000_000, "road"]}, "the length of a name must be at most 200"),
        ({"classes": ["c"] * 320, "palette": [[0, 0, 0]] * 320}, "at most 255 classes of pixels, got 320"),
        ({"palette": [[0, 0, 0], [0, 0, 300]]}, "in 0 to 255"),
        ({"mean": [0.5, 0.5, 1e999]}, "cannot be read: Infinity is no number"),
        ({"name": "x" * 3_000_000}, "has 3000.* characters, expected at most 2000000"),
    ],
)
def test_what_no_model_has_is_refused_before_anything_is_built(path: Path, changes: dict[str, Any], message: str):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(StreamdeqError, match=message):
        load(changed(path, **changes), "cpu", "fp32")
    assert "\n" not in refusal(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kilobytes


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a": ' * 900 + "1" + "}" * 900, "[]", "null", '{"size": ' + "9" * 5000 + "}", "\x00", '"x"'],
    ids=["deep", "nested", "list", "null", "digits", "zero", "text"],
)
def test_a_description_that_is_none_is_one_line(path: Path, text: str):
    assert "description" in refusal(described(path, text))


def test_a_nested_head_is_one_line(path: Path):
    text = json.dumps(json.loads(SPEC.to_json()) | {"head": 7}).replace("7", '{"a": ' * 900 + "1" + "}" * 900, 1)
    refusal(described(path, text))


def test_names_that_no_terminal_or_picture_can_show_are_replaced(path: Path):
    changed(path, name="\x1b[31mred", classes=["\ud800", "a\u202eb\n"])
    spec = read_spec(path)
    assert (spec.name, spec.classes) == ("\ufffd[31mred", ("\ufffd", "a\ufffdb\ufffd"))
    assert len(load(path, "cpu", "fp32").spec.classes) == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_noticed_when_loading(path: Path, value: float):
    tensors = load_file(path)
    tensors["head.last_layer.3.bias"][0] = value
    metadata = {"format": checkpoint.FORMAT, "spec": SPEC.to_json(), "hash": checkpoint.digest(tensors)}
    save_file(tensors, path, metadata)
    assert "'head.last_layer.3.bias' holds numbers that are not finite" in refusal(path)


def test_counters_in_place_of_weights_are_noticed(path: Path):
    tensors = load_file(path)
    tensors["head.last_layer.3.bias"] = torch.ones(2, dtype=torch.int64)
    metadata = {"format": checkpoint.FORMAT, "spec": SPEC.to_json(), "hash": checkpoint.digest(tensors)}
    save_file(tensors, path, metadata)
    assert "'head.last_layer.3.bias' is torch.int64, expected torch.float32" in refusal(path)


@pytest.mark.parametrize("kind", ["F6_E2M3", "F4", "F8_E8M0", "C64", "nonsense"])
def test_a_tensor_of_a_kind_that_torch_does_not_have_is_one_line(path: Path, kind: str):
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    last = max((name for name in header if name != "__metadata__"), key=lambda name: header[name]["data_offsets"][1])
    header[last]["dtype"] = kind
    size = header[last]["data_offsets"][1] - header[last]["data_offsets"][0]
    header[last]["shape"] = [size * 8 // {"F6_E2M3": 6, "F4": 4, "F8_E8M0": 8, "C64": 64}.get(kind, 16)]
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    refusal(path)


def test_one_flipped_bit_anywhere_in_the_description_is_noticed(path: Path):
    content = path.read_bytes()
    first = content.index(b'"spec"') + len(b'"spec":"')
    last = content.index(b'"}"', first)
    loaded = []
    for at in range(first, last, 5):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << at % 7]) + content[at + 1 :])
        with suppress(StreamdeqError):
            loaded.append((at, read_weights(path)))
    assert loaded == []


def test_a_file_from_before_the_description_had_a_hash_loads(path: Path):
    assert checkpoint.DESCRIPTION_HASH in checkpoint._metadata(path)
    assert read_weights(described(path, SPEC.to_json()))[0] == SPEC
    assert checkpoint.DESCRIPTION_HASH not in checkpoint._metadata(path)
