"""A state file that is damaged, or made by somebody who means harm, is refused in one line; nothing is built of it."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from support.small_models import frames, tiny_model

from streamdeq.errors import StreamdeqError
from streamdeq.streaming.options import StreamOptions

Tensors = dict[str, torch.Tensor]
MODEL = tiny_model()
#: What a budget or a cut detector remembers is in the file, so each kind has its own.
OPTIONS = {
    "plain": StreamOptions(iterations=1),
    "residual": StreamOptions(iterations=1, cuts="residual"),
    "fps": StreamOptions(iterations=1, target_fps=5.0),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, paths = tmp_path_factory.mktemp("states"), {}
    for name, options in OPTIONS.items():
        _, state = MODEL.step(frames(1)[0], MODEL.begin(options))
        paths[name] = folder / f"{name}.safetensors"
        state.save(paths[name])
    return paths


def written(path: Path, text: str, tensors: Tensors) -> Path:
    """By somebody who can leave the hash out, as the files of before do."""
    save_file(tensors, path, {"format": "streamdeq-state-2", "state": text})
    return path


def description(path: Path) -> dict[str, Any]:
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["state"])


def refusal(path: Path) -> str:
    """The one line that the file is refused in, when it is restored or at the latest at the next frame."""
    with pytest.raises(StreamdeqError) as caught:
        MODEL.step(frames(2)[1], MODEL.restore(path))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000
    return str(caught.value)


def put(place: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(described: Any) -> None:
        *keys, last = place.split(".")
        for key in keys:
            described = described[int(key) if key.isdecimal() else key]
        described[last] = value

    return change


NAN, INF = float("nan"), float("inf")
TRACK = {"key": 0, "box": [1.0, 2.0, 9.0, 9.0], "window": {"left": 0, "top": 0, "right": 10, "bottom": 10}, "missed": 0}
CHANGES: list[tuple[str, str, Any]] = [
    *(("plain", "options.iterations", value) for value in (0, -1, "x", 1.5, [], 10**9, 10**400)),
    *(("plain", "options.cut_iterations", value) for value in (-1, None, 10**9)),
    *(("plain", "options.solver", value) for value in (7, "nobody", "x" * 1_000_000, "\x1b[31m")),
    *(("plain", "options.start", value) for value in ("nowhere", None, 7)),
    *(("plain", "options.size", value) for value in (0, 10**6, "large", -3)),
    *(("plain", "options.budget_ms", value) for value in (0, -1.0, NAN, "x")),
    *(("plain", "options.patience", value) for value in (-1, 3, "x")),
    ("plain", "options", None),
    ("plain", "options.nobody", 1),
    *(("plain", "rows", value) for value in ([], None, 7, {}, [None], ["x"], [[]])),
    *(
        ("plain", f"rows.0.geometry.{name}", value)
        for name in ("frame_hw", "content_hw", "canvas_hw")
        for value in (
            [0, 48],
            [-32, 48],
            [32],
            [32, 48, 3],
            [10**6, 10**6],
            [10**400, 1],
            None,
            "x",
            [1.5, 2],
            [32, 64],
        )
    ),
    ("plain", "rows.0.geometry", {}),
    *(
        ("plain", "rows.0.window", value)
        for value in (
            {"left": 0, "top": 0, "right": 0, "bottom": 0},
            {"left": 0, "top": 0, "right": 10**9, "bottom": 10**9},
            {"left": 0, "top": 0, "right": 48, "bottom": 32},
            {},
            7,
        )
    ),
    *(("plain", "rows.0.status", value) for value in (None, {}, 7, [])),
    *(("plain", "rows.0.status.start", value) for value in ("hot", None)),
    *(("plain", "rows.0.status.nfe", value) for value in (-5, "x", None, 10**400)),
    *(("plain", "rows.0.status.time_s", value) for value in (NAN, INF, "x")),
    *(("plain", "rows.0.evaluations", value) for value in (-1, 10**9, "x", None)),
    *(("plain", "rows.0.poisoned", value) for value in (1, "x", None)),
    *(("plain", "followed", value) for value in (7, [], {"tracks": [TRACK], "born": 1}, {"tracks": [None]}, {})),
    *(("plain", "value", value) for value in ([1.0], None, 7, "x")),
    *(("fps", "value", value) for value in ([], [1], [1, 0, 0.1, 0.1, 0.1, NAN], [-1, 0, 0.1, 0.1, 0.1, 0.1])),
    *(("fps", "value", value) for value in ([1.5, 0, 0.1, 0.1, 0.1, 0.1], [1, 0, 0.1, 0.1, 0.1, 0.1, 1], [INF] * 6)),
    *(("plain", "seen", value) for value in ([1.0], 7, "x", {}, [])),
    *(("residual", "seen", value) for value in (None, 7, ["x"], [[]], [NAN], [1, 1, "AAAA"], {"a": 1})),
    *(("plain", "next_index", value) for value in (0, -3, "x", None, 1.5, 10**400)),
    *(("plain", "architecture", value) for value in (None, 7, "", [], "\ud800")),
    ("plain", "nobody", 1),
]


@pytest.mark.parametrize(("kind", "place", "value"), CHANGES, ids=[f"{c[1]}={str(c[2])[:20]!a}" for c in CHANGES])
def test_what_no_stream_has_said_is_one_line(saved, tmp_path: Path, kind: str, place: str, value: Any):
    described = description(saved[kind])
    put(place, value)(described)
    refusal(written(tmp_path / "state", json.dumps(described), load_file(saved[kind])))


@pytest.mark.parametrize("key", ["architecture", "options", "rows", "value", "seen", "next_index", "followed"])
def test_what_is_missing_is_one_line(saved, tmp_path: Path, key: str):
    described = description(saved["plain"])
    del described[key]
    assert key in refusal(written(tmp_path / "state", json.dumps(described), load_file(saved["plain"])))


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", "7", '"x"', "[" * 100_000, '{"a": ' * 900 + "1" + "}" * 900, "9" * 5000, " " * 3_000_000],
    ids=["empty", "cut", "null", "list", "number", "text", "deep", "nested", "digits", "long"],
)
def test_a_description_that_is_none_is_one_line(saved, tmp_path: Path, text: str):
    refusal(written(tmp_path / "state", text, load_file(saved["plain"])))


def spoil(name: str, value: Callable[[torch.Tensor], torch.Tensor | None]) -> Callable[[Tensors], None]:
    def change(tensors: Tensors) -> None:
        new = value(tensors.pop(name))
        if new is not None:
            tensors[name] = new

    return change


SPOILT = {
    "missing": lambda t: None,
    "deeper": lambda t: t[..., None].contiguous(),
    "rows": lambda t: torch.cat([t, t]),
    "flat": lambda t: t.flatten()[:1][:0].clone(),
    "whole": lambda t: t.to(torch.int64),
    "complex": lambda t: t.to(torch.complex64),
}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("name", ["0.z.0", "0.answer.2", "0.injection.0", "0.best", "0.count", "0.status"])
def test_tensors_of_another_state_are_one_line(saved, tmp_path: Path, name: str, how: str):
    tensors = load_file(saved["plain"])
    spoil(name, SPOILT[how])(tensors)
    refusal(written(tmp_path / "state", json.dumps(description(saved["plain"])), tensors))


@pytest.mark.parametrize("name", ["0.z.0", "0.answer.2"])
@pytest.mark.parametrize("value", [NAN, INF])
def test_a_latent_that_is_not_finite_is_noticed(saved, tmp_path: Path, name: str, value: float):
    tensors = load_file(saved["plain"])
    tensors[name].view(-1)[3] = value
    assert "finite" in refusal(written(tmp_path / "state", json.dumps(description(saved["plain"])), tensors))


def test_a_tensor_too_many_and_counters_of_no_solver_are_one_line(saved, tmp_path: Path):
    text, tensors = json.dumps(description(saved["plain"])), load_file(saved["plain"])
    for name, value in (
        ("1.z.0", tensors["0.z.0"].clone()),
        ("0.injection.2", tensors["0.z.2"].clone()),
        ("0.count", torch.tensor([-1], dtype=torch.int32)),
        ("0.status", torch.tensor([200], dtype=torch.uint8)),
    ):
        refusal(written(tmp_path / "state", text, tensors | {name: value}))


@pytest.mark.parametrize("kind", ["F6_E2M3", "F4", "nonsense"])
def test_a_tensor_of_a_kind_that_torch_does_not_have_is_one_line(saved, tmp_path: Path, kind: str):
    content = saved["plain"].read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    begin, end = header["0.z.0"]["data_offsets"]
    bits = {"F6_E2M3": 6, "F4": 4}.get(kind, 32)
    header["0.z.0"] |= {"dtype": kind, "shape": [1, (end - begin) * 8 // bits]}
    text = json.dumps(header).encode()
    (tmp_path / "state").write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    refusal(tmp_path / "state")


def test_one_flipped_bit_of_the_description_or_of_a_tensor_is_noticed(saved, tmp_path: Path):
    content = saved["plain"].read_bytes()
    first = content.index(b'"state"') + len(b'"state":"')
    tensors = 8 + struct.unpack("<Q", content[:8])[0]
    loaded = []
    for at in (*range(first, content.index(b'}"', first), 7), *range(tensors, len(content), len(content) // 50)):
        (tmp_path / "state").write_bytes(content[:at] + bytes([content[at] ^ 1 << at % 7]) + content[at + 1 :])
        try:
            MODEL.restore(tmp_path / "state")
        except StreamdeqError:
            continue
        loaded.append(at)
    assert loaded == []


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_state_that_was_cut_short_is_one_line(saved, tmp_path: Path, share: float):
    content = saved["plain"].read_bytes()
    (tmp_path / "state").write_bytes(content[: int(share * len(content))])
    assert "cannot be read" in refusal(tmp_path / "state")


def test_a_folder_is_no_state(tmp_path: Path):
    assert "cannot be read" in refusal(tmp_path)


@pytest.mark.parametrize("kind", OPTIONS)
def test_what_was_saved_is_taken_up(saved, tmp_path: Path, kind: str):
    unhashed = written(tmp_path / "state", json.dumps(description(saved[kind])), load_file(saved[kind]))
    for path in (saved[kind], unhashed):
        result, _ = MODEL.step(frames(2)[1], MODEL.restore(path))
        assert str(result.status.start) == "warm"
