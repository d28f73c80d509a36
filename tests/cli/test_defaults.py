"""What the command line assumes is what Python assumes."""

import inspect
import json

import pytest
import typer

from streamdeq.cli.eval import eval
from streamdeq.cli.main import build, guarded
from streamdeq.codec import to_plain
from streamdeq.evaluation.bootstrap import RESAMPLES
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.running.options import RunOptions
from streamdeq.training.options import TrainOptions


def told(options: RunOptions) -> None:
    typer.echo(json.dumps(to_plain(options)))


def scored(options: Settings) -> None:
    typer.echo(json.dumps(to_plain(options)))


def trained(options: TrainOptions) -> None:
    typer.echo(json.dumps(to_plain(options)))


@pytest.mark.parametrize(("command", "kind"), [("told", RunOptions), ("scored", Settings), ("trained", TrainOptions)])
def test_a_command_that_is_given_nothing_gets_the_defaults_of_its_options(command, kind, capsys):
    assert guarded(build([told, scored, trained]), [command]) == 0
    assert json.loads(capsys.readouterr().out) == to_plain(kind())


def test_every_option_of_a_stream_reaches_its_field(capsys):
    line = (
        "-n 3 --solver broyden --start zeros --size native --budget-ms 40 --max-gap 1.5 --cuts residual --on-cut zeros "
        "--cut-iterations 0 --patience 2 --write png,video --max-frames 7 --compare --policy every --max-staleness 0.5 "
        "--conf 0.25 --classes car,person --track --boxes labels --tolerance-of answer"
    )
    assert guarded(build([told, scored]), ["told", *line.split()]) == 0
    got = json.loads(capsys.readouterr().out)
    stream = got["stream"]
    assert [stream[name] for name in ("iterations", "solver", "start", "size")] == [3, "broyden", "zeros", "native"]
    assert [stream[name] for name in ("budget_ms", "max_gap_s", "cuts", "on_cut")] == [40, 1.5, "residual", "zeros"]
    assert [stream[name] for name in ("cut_iterations", "patience", "tolerance_of")] == [0, 2, "answer"]
    assert (got["write"], got["max_frames"], got["compare"]) == (["video", "png"], 7, True)
    assert (got["live"]["delivery"], got["live"]["max_staleness_s"]) == ("every", 0.5)
    assert got["choice"] == {"conf": 0.25, "classes": ["car", "person"], "track": True}
    assert got["boxes"] == "labels"


def test_eval_draws_as_many_resamples_as_python_does():
    assert inspect.signature(eval).parameters["resamples"].default == RESAMPLES
