"""Partial results on disk: shared by processes, read back to the same figures, and nothing else is read."""

import json
import os
import pickle
import sys
import tracemalloc
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from support import forked
from support.history_model import CLIPS, SPEC, HistoryModel, double_model, history_model, numbered, numbered_clip
from support.small_models import StubModel

from streamdeq.cli import eval
from streamdeq.cli.main import build, guarded
from streamdeq.data.synthetic.labels import PALETTE
from streamdeq.data.synthetic.scene import CLASSES
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.parts import Parts, Scored, Shard
from streamdeq.evaluation.protocol.plan import Sample
from streamdeq.evaluation.protocol.run import Job, evaluate
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.models.architecture import Architecture
from streamdeq.models.checkpoint import save_weights
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import Metric, build_network
from streamdeq.tasks.classification.metric import Accuracy
from streamdeq.tasks.depth.metric import DepthMetric
from streamdeq.tasks.detection import Detections
from streamdeq.tasks.detection.metric import MeanAveragePrecision
from streamdeq.tasks.pose import Poses
from streamdeq.tasks.pose.metric import PoseMetric
from streamdeq.tasks.segmentation.task import SegmentationMetric
from streamdeq.values.boxes import Boxes
from streamdeq.values.keypoints import Keypoints
from streamdeq.values.status import Start, Status

SETTINGS = Settings((1, 2), (0, 1), batch=2)


def test_processes_that_share_a_folder_make_what_one_makes_to_the_bit(tmp_path: Path):
    model, street = double_model()
    settings = Settings((1, 2), (0, 1), batch=1)
    whole = evaluate(model, street, settings)
    for number in (1, 2):
        job = Job(model, street, settings, tmp_path)
        assert len(job.mine(Shard(number, 2))) == 1
        job.run(Shard(number, 2))
    job = Job(model, street, settings, tmp_path)
    assert job.missing == []
    shared = job.evaluation()
    assert list(shared.scores) == list(whole.scores)
    for condition, score in whole.scores.items():
        found = shared.scores[condition]
        assert (found.nfe, found.failed) == (score.nfe, score.failed)
        assert list(found.pieces) == list(score.pieces)
        for sample, piece in score.pieces.items():
            assert piece.matrix.counts.equal(found.pieces[sample].matrix.counts)
        assert found.total.compute() == score.total.compute()


def test_what_is_there_is_not_computed_again(tmp_path: Path):
    model, street = double_model()
    settings, steps = Settings((1,), (0,), batch=1), []
    Job(model, street, settings, tmp_path).run(Shard(1, 2))
    rest = Job(model, street, settings, tmp_path)
    announced = rest.steps()
    rest.run(on_step=lambda: steps.append(1))
    assert len(steps) == announced
    assert Job(model, street, settings, tmp_path).steps() == 0


def test_parts_of_another_evaluation_are_refused(tmp_path: Path):
    model, street = double_model()
    Job(model, street, Settings((1,), (0,)), tmp_path)
    with pytest.raises(StreamdeqError, match="parts of another evaluation: settings differ"):
        Job(model, street, Settings((2,), (0,)), tmp_path)


def test_pieces_are_whole_clips_of_at_least_a_batch_whoever_computes_them():
    job = Job(history_model(), CLIPS, Settings((1,), (0,), batch=4))
    assert [len(piece.samples) for piece in job.pieces] == [8]
    job = Job(history_model(), CLIPS, Settings((1,), (0,), batch=1))
    assert [{sample.clip for sample in piece.samples} for piece in job.pieces] == [{0}, {1}]
    assert [chain for piece in job.pieces for chain in piece.chains] == list(job.plan.chains)


@pytest.mark.parametrize(("text", "message"), [("3/2", "1 <= I <= N"), ("half", "as 1/4"), ("0/2", "1 <= I <= N")])
def test_a_shard_that_means_nothing_is_refused(text: str, message: str):
    with pytest.raises(StreamdeqError, match=message):
        Shard.parse(text)


class Harmful:
    """Reads as a call of a function."""

    def __reduce__(self):
        return os.mkdir, ("harm",)


@pytest.mark.parametrize("content", [Harmful(), {"a": Path("x")}, np.testing])
def test_nothing_but_results_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content):
    monkeypatch.chdir(tmp_path)
    parts = Parts(tmp_path / "parts", {}, Accuracy(3))
    parts.write(0, {"single-1": Scored({}, 1, 0)})
    path = tmp_path / "parts" / "000000.zip"
    try:
        dumped = pickle.dumps(content)
    except TypeError:
        dumped = b"cnumpy.testing\nrundocs\n."
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("about.json", '{"single-1": [1, 0]}')
        file.writestr("single-1", dumped)
    with pytest.raises(StreamdeqError, match="cannot be read as a part of an evaluation"):
        parts.read(0, "single-1")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip at all"])
def test_a_damaged_part_is_one_line(tmp_path: Path, content: bytes):
    parts = Parts(tmp_path, {}, Accuracy(3))
    (tmp_path / "000000.zip").write_bytes(content)
    with pytest.raises(StreamdeqError, match="cannot be read as a part of an evaluation"):
        parts.read(0, "single-1")


STATUS = Status(0, 0.0, 1, 1, 0.5, Start.COLD)


def pixels() -> Metric:
    metric = SegmentationMetric(("a", "b"))
    metric.matrix.update(np.array([[0, 1]]), np.array([[0, 0]]))
    return metric


def classes() -> Metric:
    metric = Accuracy(3)
    metric.count, metric.hits = 5, {1: 2, 5: 4}
    return metric


def boxes() -> Metric:
    metric = MeanAveragePrecision(("car",))
    box, label = np.array([[0, 0, 8, 8]], np.float32), np.zeros(1, np.int64)
    about = {"classes": ("car",), "palette": ((0, 0, 0),), "frame_hw": (9, 9)}
    found = Detections(status=STATUS, boxes_xyxy=box, scores=np.ones(1, np.float32), labels=label, **about)
    metric.update(found, Boxes(box, label))
    return metric


def points() -> Metric:
    metric, xy, box = PoseMetric(("nose",)), np.ones((1, 1, 2), np.float32), np.array([[0, 0, 8, 8]], np.float32)
    about = {"names": ("nose",), "skeleton": (), "frame_hw": (9, 9), "crops_xyxy": box}
    head = np.full(1, 3, np.float32)
    target = Keypoints(xy, np.ones((1, 1), bool), box, head)
    metric.update(Poses(status=STATUS, keypoints_xy=xy + 1, scores=np.ones((1, 1), np.float32), **about), target)
    return metric


def depths() -> Metric:
    metric = DepthMetric()
    metric.count, metric.relative, metric.close = 4, 0.5, 3
    return metric


@pytest.mark.parametrize("made", [pixels, classes, boxes, points, depths])
def test_the_metrics_of_every_task_come_back(tmp_path: Path, made):
    metric = made()
    parts = Parts(tmp_path, {}, metric)
    parts.write(0, {"single-1": Scored({Sample(0, 3): metric}, 4, 1)})
    read = parts.read(0, "single-1")
    assert (read.nfe, read.failed) == (4, 1)
    expected = metric.compute()
    assert any(value > 0 for value in expected.values())
    np.testing.assert_equal(read.pieces[Sample(0, 3)].compute(), expected)


SIZE = 1 << 18


@dataclass
class Heavy(Metric):
    """A metric of a quarter of a megabyte."""

    name: str = "heavy"
    content: np.ndarray = field(default_factory=lambda: np.zeros(SIZE, np.uint8))

    def update(self, result, target) -> None:
        self.content = np.random.default_rng(0).integers(0, 255, SIZE, np.uint8)

    def merge(self, other: "Heavy") -> None:
        self.content = self.content + other.content

    def compute(self) -> dict[str, float]:
        return {self.name: float(self.content.sum())}


class HeavyTask:
    metric = staticmethod(Heavy)
    counts_early = False


def test_memory_holds_the_answers_of_one_condition_and_one_piece_not_of_all():
    """20 frames under 9 conditions are 180 metrics; those of one condition are 20, and of one piece 18."""
    clips = numbered(*(numbered_clip(f"c{n}", (1, 2), (1,)) for n in range(20)))
    tracemalloc.start()
    try:
        evaluation = evaluate(
            StubModel(HistoryModel(), SPEC, HeavyTask(), stride=4), clips, Settings((1,), (0, 1), batch=2)
        )
        figures = [score.figure(None).value for score in evaluation.scores.values()]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(figures) == 9
    assert peak < 90 * SIZE


CLIPS_OF_THREE = "synthetic:clips=3,frames=2,size=32x48"
LINE = f"--data {CLIPS_OF_THREE} -n 1 --offsets 0,1 --batch 1 --device cpu --resamples 5 -q"


def street_weights(path: Path) -> Path:
    torch.manual_seed(0)
    spec = ModelSpec("tiny", "segmentation", Architecture((4, 4), groups=2, expansion=1), CLASSES, PALETTE, size=16)
    save_weights(path, build_network(spec), spec)
    return path


def rows_of(path: Path) -> list:
    return json.loads(path.read_text())["rows"]


def test_the_command_shares_an_evaluation_by_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    model, app = street_weights(tmp_path / "tiny.safetensors"), build([eval.eval])

    def run(*arguments: str) -> str:
        assert guarded(app, ["eval", str(model), *LINE.split(), *arguments]) == 0
        return capsys.readouterr().out

    run("--out", str(tmp_path / "whole.json"))
    parts = ["--parts", str(tmp_path / "parts")]
    assert "2 of 3 parts are in" in run(*parts, "--shard", "1/2")
    shown = run(*parts, "--shard", "2/2", "--out", str(tmp_path / "shared.json"))
    assert "iterations  NFE" in shown
    assert rows_of(tmp_path / "shared.json") == rows_of(tmp_path / "whole.json")
    header = json.loads((tmp_path / "shared.json").read_text())["header"]
    assert (header["precision"], header["population"], header["start"]) == ("fp32", "common", "previous")
    assert header["baseline"] == {"iterations": 20, "chosen": "by the model's description"}
    assert guarded(app, ["eval", str(model), *LINE.split(), "--shard", "1/2"]) == 2
    assert "--parts" in capsys.readouterr().err


@pytest.mark.slow
def test_processes_of_torchrun_share_an_evaluation(tmp_path: Path):
    model = street_weights(tmp_path / "tiny.safetensors")
    command = ["eval", str(model), *LINE.split(), "--out"]
    alone = [sys.executable, "-m", "streamdeq", *command, str(tmp_path / "whole.json")]
    shared = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "streamdeq"]
    shared += [*command, str(tmp_path / "shared.json"), "--parts", str(tmp_path / "parts")]
    for one in (alone, shared):
        done = forked.run(one, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    assert done.stdout.count("iterations  NFE") == 1
    assert rows_of(tmp_path / "shared.json") == rows_of(tmp_path / "whole.json")


def test_a_metric_that_cannot_be_written_is_one_line(tmp_path: Path):
    metric = Accuracy(3)
    metric.look_up = lambda: 1  # type: ignore[attr-defined]
    with pytest.raises(StreamdeqError, match="the metric Accuracy cannot be written"):
        Parts(tmp_path, {}, metric).write(0, {"single-1": Scored({Sample(0, 3): metric}, 4, 1)})
    assert list(tmp_path.glob("*.zip")) == []
