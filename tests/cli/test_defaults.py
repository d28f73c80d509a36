"""What the command line assumes is what Python assumes."""

import inspect
from dataclasses import fields

from streamdeq.cli.eval import eval
from streamdeq.cli.run import run
from streamdeq.evaluation.bootstrap import RESAMPLES
from streamdeq.streaming.options import StreamOptions
from streamdeq.video import LivePolicy


def test_run_has_the_defaults_of_the_options_it_fills_in():
    told = {name: parameter.default for name, parameter in inspect.signature(run).parameters.items()}
    told["max_gap_s"] = told["max_gap"]
    for field in fields(StreamOptions):
        assert told[field.name] == getattr(StreamOptions(), field.name), field.name
    assert (told["policy"], told["max_staleness"]) == (LivePolicy().delivery, LivePolicy().max_staleness_s)


def test_eval_draws_as_many_resamples_as_python_does():
    assert inspect.signature(eval).parameters["resamples"].default == RESAMPLES
