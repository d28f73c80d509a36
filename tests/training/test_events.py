"""What a run's log says, TensorBoard shows: every step once, also of a run that was taken up again."""

import pytest
from support.small_runs import TINY, command, lines, settings

from streamdeq.errors import StreamdeqError
from streamdeq.training import options
from streamdeq.training.events import FOLDER
from streamdeq.training.options import TrainOptions


def test_a_resumed_runs_curves_are_those_of_its_log(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    out = tmp_path / "run"
    given = [*settings(TINY), "--out", str(out), "--eval-split", "val", "--eval-every", "2", "--tensorboard"]
    assert command(*given) == 0
    assert command("--resume", str(out), "--tensorboard") == 0
    shown = accumulator.EventAccumulator(str(out / FOLDER)).Reload()
    logged = [line for line in lines(out) if "loss" in line and "event" not in line]
    curve = shown.Scalars("train/loss")
    assert [point.step for point in curve] == [line["step"] for line in logged] == list(range(1, TINY.steps + 1))
    assert [point.value for point in curve] == pytest.approx([line["loss"] for line in logged])
    scores = {line["step"]: line["score"] for line in lines(out) if line.get("event") == "validation"}
    assert {point.step: pytest.approx(point.value) for point in shown.Scalars("validation/score")} == scores


def test_without_tensorboard_the_run_is_refused_before_it_has_a_folder(monkeypatch):
    monkeypatch.setattr(options, "find_spec", lambda name: None)
    with pytest.raises(StreamdeqError, match=r"pip install 'streamdeq\[tensorboard\]'"):
        TrainOptions(tensorboard=True)
