"""A checkpoint or a log that is damaged or made up is refused in one line, and never half taken up."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from support.small_runs import TINY, resume, steps, train, trainer

from streamdeq.errors import StreamdeqError
from streamdeq.training import checkpoint, log, session

Tensors = dict[str, torch.Tensor]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of two of its steps."""
    steps_done: list[int] = []
    train(tmp_path, TINY, report=lambda record: steps_done.append(record.step), stop=lambda: len(steps_done) == 2)
    return tmp_path


def rewritten(folder: Path, header: Callable[[dict[str, Any]], Any], tensors: Callable[[Tensors], Any]) -> None:
    path = folder / checkpoint.NAME
    with safe_open(path, "pt") as file:
        described = json.loads(file.metadata()["streamdeq"])
    kept = load_file(path)
    tensors(kept)
    described = header(described) or described
    save_file(kept, path, {"streamdeq": json.dumps(described)})


def refusal(folder: Path) -> str:
    with pytest.raises(StreamdeqError) as caught:
        session.resume(trainer(folder))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def keep(_: Any) -> None:
    """Nothing is changed."""


def setting(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(header: dict[str, Any]) -> None:
        place, _, rest = key.partition(".")
        if rest:
            header[place][rest] = value
        else:
            header[place] = value

    return change


@pytest.mark.parametrize(
    "header",
    [
        *(setting("step", value) for value in (-1, "two", None, 1.5)),
        *(setting("elapsed_s", value) for value in ("long", None, -1.0, float("inf"))),
        *(setting("guard", value) for value in (None, [], {"nobody": 1}, {"bad": "many"})),
        *(setting("average_updates", value) for value in (-3, "x", None)),
        *(setting("recipe", value) for value in (None, 7, [], {})),
        *(setting("recipe.architecture", value) for value in (None, 7, {"channels": "x"}, {"channels": [1 << 40]})),
        *(setting("recipe.batch", value) for value in (0, "x", None, 10**9)),
        *(setting("data", value) for value in (None, 7, {}, {"spec": 7})),
        *(setting("data.samples", value) for value in ("x", None)),
        lambda header: {"format": checkpoint.FORMAT},
        lambda header: {key: value for key, value in header.items() if key != "guard"},
        lambda header: [1],
        lambda header: 7,
    ],
)
def test_a_header_that_no_run_has_written_is_one_line(folder: Path, header: Callable[[dict[str, Any]], Any]):
    rewritten(folder, header, keep)
    refusal(folder)


def spoil(name: str, value: Callable[[torch.Tensor], torch.Tensor | None]) -> Callable[[Tensors], None]:
    """The first tensor whose name contains `name`, changed; None removes it."""

    def change(tensors: Tensors) -> None:
        found = next(key for key in sorted(tensors) if name in key and tensors[key].is_floating_point())
        new = value(tensors.pop(found))
        if new is not None:
            tensors[found] = new

    return change


@pytest.mark.parametrize("name", ["network/", "average/", "exp_avg"])
@pytest.mark.parametrize(
    "value",
    [
        lambda t: None,
        lambda t: t[..., None].contiguous(),
        lambda t: t.flatten()[:1].clone(),
        lambda t: torch.full_like(t, float("nan")),
        lambda t: torch.full_like(t, float("inf")),
    ],
    ids=["missing", "deeper", "short", "nan", "infinite"],
)
def test_tensors_of_another_state_are_one_line(folder: Path, name: str, value: Callable):
    rewritten(folder, keep, spoil(name, value))
    refusal(folder)


def test_a_log_with_lines_that_are_none_is_taken_up(folder: Path):
    path = folder / log.NAME
    damaged = b'[1, 2]\n"text"\n' + b"[" * 5000 + b'\n\xff\xfe\n{"step": "x", "loss": 1}\n7\n'
    path.write_bytes(path.read_bytes() + damaged)
    resume(folder)
    assert [line["step"] for line in steps(folder)] == list(range(1, TINY.steps + 1))
