"""What cannot be asked of a stream is one line, whatever type it comes in."""

import json

import numpy as np
import pytest
import typer
from support.small_models import frames, tiny_model

from streamdeq.cli.main import build, guarded
from streamdeq.errors import OutOfMemoryError, StreamdeqError, memory_errors
from streamdeq.running.options import RunOptions
from streamdeq.streaming.options import StreamOptions
from streamdeq.values.choice import Choice
from streamdeq.values.live import LivePolicy, Patience

NAN = float("nan")


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (StreamOptions, {"iterations": NAN}, "iterations must be a whole number; got nan"),
        (StreamOptions, {"iterations": "3"}, "iterations must be a whole number; got '3'"),
        (StreamOptions, {"iterations": 2.5}, "iterations must be a whole number; got 2.5"),
        (StreamOptions, {"iterations": True}, "iterations must be a whole number; got True"),
        (StreamOptions, {"iterations": [2]}, r"iterations must be a whole number; got \[2\]"),
        (StreamOptions, {"iterations": -3}, "iterations must be at least 1; got -3"),
        (StreamOptions, {"max_gap_s": -1}, "max_gap_s must be at least 0; got -1"),
        (StreamOptions, {"max_gap_s": NAN}, "max_gap_s must be a number; got nan"),
        (StreamOptions, {"budget_ms": -1}, "a budget per frame must be more than 0 ms; got -1"),
        (StreamOptions, {"budget_ms": "30"}, "budget_ms must be a number; got '30'"),
        (StreamOptions, {"budget_ms": NAN}, "budget_ms must be a number; got nan"),
        (StreamOptions, {"target_fps": 0}, "a target frame rate must be more than 0; got 0"),
        (StreamOptions, {"target_fps": NAN}, "target_fps must be a number; got nan"),
        (StreamOptions, {"tolerance": NAN}, "tolerance must be a number; got nan"),
        (StreamOptions, {"tolerance": 1.5}, "a tolerance must be between 0 and 1; got 1.5"),
        (StreamOptions, {"cut_iterations": 1.5}, "cut_iterations must be a whole number; got 1.5"),
        (StreamOptions, {"patience": "1"}, "patience must be a whole number; got '1'"),
        (StreamOptions, {"size": True}, "size must be 1 to 4320 pixels or 'native'; got True"),
        (StreamOptions, {"start": 3}, "unknown start '3'"),
        (StreamOptions, {"cuts": []}, "unknown cut detector"),
        (RunOptions, {"max_frames": 0}, "max_frames must be at least 1; got 0"),
        (RunOptions, {"max_frames": NAN}, "max_frames must be a whole number; got nan"),
        (RunOptions, {"max_pixels": "8K"}, "max_pixels must be a whole number; got '8K'"),
        (LivePolicy, {"max_staleness_s": "1"}, "max_staleness_s must be a number; got '1'"),
        (LivePolicy, {"waiting": 2.5}, "waiting must be a whole number; got 2.5"),
        (Patience, {"give_up_s": NAN}, "give_up_s must be a number; got nan"),
        (Choice, {"conf": NAN}, "conf must be a number; got nan"),
    ],
)
def test_what_is_no_such_number_is_refused_where_it_is_said(kind, given, message):
    with pytest.raises(StreamdeqError, match=message) as raised:
        kind(**given)
    assert "\n" not in str(raised.value)


def test_numbers_of_numpy_and_no_end_are_numbers():
    StreamOptions(iterations=np.int64(3), max_gap_s=float("inf"))  # type: ignore[arg-type]
    StreamOptions(tolerance=np.float32(0.5), cut_iterations=np.int8(0))  # type: ignore[arg-type]


def test_a_model_is_asked_for_no_iterations_that_are_no_number():
    model = tiny_model()
    image = next(iter(frames(1))).image
    for iterations in (NAN, "3", 2.5):
        with pytest.raises(StreamdeqError, match="iterations must be a whole number"):
            model.solve(image, iterations=iterations)  # type: ignore[arg-type]
        with model.stream() as stream, pytest.raises(StreamdeqError, match="iterations must be a whole number"):
            stream.retune(iterations)  # type: ignore[arg-type]


def told(options: StreamOptions) -> None:
    typer.echo(json.dumps(options.iterations))


@pytest.mark.parametrize(
    "line",
    [
        "-n nan",
        "-n 2.5",
        "-n 0",
        "--max-gap -1",
        "--max-gap nan",
        "--budget-ms -1",
        "--target-fps 0",
        "--target-fps nan",
        "--tolerance 0",
    ],
)
def test_on_the_command_line_it_is_one_line_and_code_2(line, capsys):
    assert guarded(build([told, other]), ["told", *line.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1


def other() -> None:
    """A second command, so that the first has a name."""


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (RuntimeError("CPUAllocator: can't allocate memory: you tried to allocate 99 bytes."), " for 99 bytes more"),
        (RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has …"), " for 20.00 MiB more"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), ""),
        (MemoryError(), ""),
    ],
)  # fmt: skip
def test_short_memory_is_one_line_with_the_way_out(error, asked):
    with (
        pytest.raises(OutOfMemoryError, match=f"^not enough memory{asked}: compute at a smaller size"),
        memory_errors(),
    ):
        raise error
    with pytest.raises(RuntimeError, match="shape"), memory_errors():
        raise RuntimeError("shape mismatch")
