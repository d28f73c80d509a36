"""The shared options: what they take, and the line for what they do not take."""

import json
from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer

from streamdeq.cli import options
from streamdeq.cli.generated import option, reader
from streamdeq.cli.main import build, guarded
from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.running.options import RunOptions
from streamdeq.streaming.options import StreamOptions
from streamdeq.training.options import TrainOptions


def probe(
    stream: StreamOptions,
    model: options.Model = options.DEFAULT_MODEL,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    max_frames: Annotated[int | None, option(RunOptions, "max_frames")] = None,
    save: options.Save = Path("runs"),
    seed: Annotated[int, option(TrainOptions, "seed")] = 0,
    quiet: options.Quiet = False,
) -> None:
    """Print what arrived, as a command that has every option."""
    told = [model, stream.iterations, stream.solver, stream.start, stream.size]
    typer.echo(json.dumps([*told, device, precision, max_frames, str(save), seed, quiet]))


def sweep(iterations: Annotated[tuple[int, ...], option(Settings, "iterations")] = (1, 2)) -> None:
    """Print the counts."""
    typer.echo(json.dumps(iterations))


APP = build([probe, sweep])


def test_defaults_arrive_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(APP, ["probe"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        "camvid-s", None, None, "previous", None, "auto", "auto", None, "runs", 0, False,
    ]  # fmt: skip


def test_every_option_arrives_with_its_type(capsys: pytest.CaptureFixture[str]) -> None:
    line = (
        "probe -m a.safetensors -n 4 --solver broyden --start zeros --size 192 --device cpu --precision bf16 "
        "--max-frames 9 --save out --seed 7 -q"
    )
    assert guarded(APP, line.split()) == 0
    assert json.loads(capsys.readouterr().out) == [
        "a.safetensors", 4, "broyden", "zeros", 192, "cpu", "bf16", 9, "out", 7, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--iterations 0", "--iterations: expected a whole number of at least 1, got '0'"),
        ("--iterations -3", "--iterations: expected a whole number of at least 1, got '-3'"),
        ("--iterations 1.5", "--iterations: expected a whole number of at least 1, got '1.5'"),
        ("--max-frames 0", "--max-frames: expected a whole number of at least 1, got '0'"),
        ("--size 0", "--size: expected the shorter side in pixels or 'native', got '0'"),
        ("--size full", "--size: expected the shorter side in pixels or 'native', got 'full'"),
        ("--device gpu", "--device: unknown value 'gpu'"),
        ("--precision fp23", "--precision: unknown value 'fp23'; did you mean 'fp32'?"),
        ("--start zero", "--start: unknown value 'zero'; did you mean 'zeros'?"),
        ("--seed -1", "--seed: expected a whole number of at least 0, got '-1'"),
    ],
)
def test_a_bad_value_names_the_option_and_what_came(
    arguments: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(APP, ["probe", *arguments.split()]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith(f"streamdeq: {message}")
    assert errors.count("\n") == 1


def test_iteration_counts_come_in_the_order_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(APP, ["sweep"]) == 0
    assert guarded(APP, ["sweep", "--iterations", "8, 1,2"]) == 0
    assert capsys.readouterr().out.splitlines() == ["[1, 2]", "[8, 1, 2]"]


@pytest.mark.parametrize("text", ["", "1,,2", "1,0", "1,two", "2,2", "1;2"])
def test_iteration_counts_that_are_not_different_numbers_are_refused(text: str) -> None:
    with pytest.raises(StreamdeqError, match="--iterations: expected different whole numbers of at least 1"):
        reader("--iterations", tuple[int, ...], Option("", least=1))(text)


def test_choices_come_in_the_programs_order_and_once() -> None:
    read = reader("--write", tuple[Literal["video", "jsonl", "png"], ...])
    assert read("png,video,png") == ("video", "png")
    with pytest.raises(StreamdeqError, match=r"--write: unknown value 'jsonl2'; did you mean 'jsonl'\?"):
        read("video,jsonl2")


def test_the_size_is_a_number_or_native() -> None:
    read = reader("--size", int | Literal["native"] | None)
    assert read("192") == 192
    assert read("native") == "native"
