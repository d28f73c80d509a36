"""Several models and a peer on the same frames: figures as of single evaluations, and the table that tells them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

import streamdeq
from streamdeq.cli import compare
from streamdeq.cli.main import build, guarded
from streamdeq.data.open import open_dataset
from streamdeq.data.synthetic.labels import PALETTE
from streamdeq.data.synthetic.scene import CLASSES
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.comparison import run as timing
from streamdeq.evaluation.comparison.report import render
from streamdeq.evaluation.comparison.run import compare as judge
from streamdeq.evaluation.peers import load_peer
from streamdeq.evaluation.protocol.run import evaluate
from streamdeq.evaluation.protocol.score import Condition, Mode
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.evaluation.reporting.table import Markdown, Text
from streamdeq.models.architecture import Architecture
from streamdeq.models.checkpoint import save_weights
from streamdeq.models.spec import ModelSpec, Provenance
from streamdeq.tasks import build_network

APP = build([compare.compare])
VIDEO = "synthetic:clips=1,frames=13,size=32x64"
TRAINED = Provenance(steps=90, seconds=120)
SPEC = ModelSpec(
    "tiny", "segmentation", Architecture((4, 4), groups=2, expansion=1), CLASSES, PALETTE, size=32, provenance=TRAINED
)
LRASPP = "lraspp_mobilenet_v3_large"


def weights(folder: Path, spec: ModelSpec = SPEC, seed: int = 0) -> str:
    torch.manual_seed(seed)
    save_weights(folder / f"{spec.name}.safetensors", build_network(spec), spec)
    return str(folder / f"{spec.name}.safetensors")


@pytest.fixture(autouse=True)
def few_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough to be measured; what the milliseconds are is no matter here."""
    monkeypatch.setattr(timing, "TURNS", 2)
    monkeypatch.setattr(timing, "FRAMES", timing.UNCOUNTED + 3)


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an untrained peer whose BatchNorm has seen something."""
    torch.manual_seed(0)
    network = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=len(CLASSES))
    for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
        assert norm.running_mean is not None
        assert norm.running_var is not None
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, std=0.1)
        norm.running_mean.normal_(std=0.1)
        norm.running_var.uniform_(0.5, 1.5)
    path = tmp_path_factory.mktemp("peer") / "peer.safetensors"
    tensors = {name: t.contiguous() for name, t in network.state_dict().items()}
    save_file(tensors, path, metadata={"steps": "7", "seconds": "60"})
    return path


def test_the_command_compares_two_models_and_a_peer(tmp_path, peer, capsys):
    ours = [weights(tmp_path), weights(tmp_path, replace(SPEC, name="broyden", solver="broyden"), seed=1)]
    out = tmp_path / "table.json"
    line = f"compare {' '.join(ours)} --data {VIDEO} --iterations 1,2 --offset 10 --device cpu --precision fp32"
    assert guarded(APP, [*line.split(), "--peer", f"{LRASPP}={peer}", "--out", str(out), "--markdown"]) == 0
    shown, errors = capsys.readouterr()
    rows = [[cell.strip() for cell in row[1:-1].split("|")] for row in shown.splitlines() if row[:1] == "|"]
    assert [row[0].split(" ")[0] for row in rows[2:]] == ["tiny", "", "broyden", "", LRASPP]
    assert rows[2][1] == "2 min, 90 steps"
    assert rows[6][1] == "1 min, 7 steps"
    for row in rows[2:]:
        assert float(row[6]) == pytest.approx(1000 / float(row[5]), abs=0.5, rel=0.1)
    assert [row[3:5] for row in rows[2:]] == [["1", "1"], ["2", "2"], ["1", "2"], ["2", "3"], ["1", "–"]]
    assert "timing, turn 1" in errors

    found = json.loads(out.read_text())
    assert set(found["header"]["models"]) == set(ours)
    entries = found["comparison"]["entries"]
    assert found["comparison"]["frames"] == 3
    dataset = open_dataset(VIDEO, "val")
    expected = evaluate(streamdeq.load(ours[0], "cpu", "fp32"), dataset, Settings((1, 2), (10,)))
    for n, count in enumerate((1, 2)):
        for mode, offset, key in ((Mode.STREAMING, 10, "streaming"), (Mode.SINGLE, None, "scratch")):
            figure = entries[0]["lines"][n][key]
            assert figure["value"] == expected.scores[Condition(mode, count, offset)].total.compute()["mIoU"]
            assert figure["interval"]["low"] <= figure["value"] <= figure["interval"]["high"]
    assert all(0 <= line["flicker"] <= 100 and line["ms"] > 0 for entry in entries for line in entry["lines"])
    assert entries[2]["lines"][0]["scratch"]["value"] == entries[2]["single"]["value"]


@torch.no_grad()
def test_a_peer_answers_as_torchvision_does(peer):
    [clip] = open_dataset(VIDEO, "val").clips
    image = clip.image(3)
    ours = load_peer(LRASPP, peer, SPEC, torch.device("cpu"), "fp32")
    network = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=len(CLASSES)).eval()
    network.load_state_dict(load_file(peer))
    assert ours.parameters == sum(p.numel() for p in network.parameters())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in ours.network.modules())
    x = torch.from_numpy(image).permute(2, 0, 1).float() / 255
    x = (x - torch.tensor(SPEC.mean)[:, None, None]) / torch.tensor(SPEC.std)[:, None, None]
    logits = network(x[None])["out"]
    torch.testing.assert_close(ours.network(x[None])["out"], logits, rtol=1e-4, atol=1e-4 * float(logits.abs().max()))
    expected = logits.argmax(1)[0].numpy()
    assert np.mean(ours.answer(image).labels != expected) == 0
    assert (ours.trained.steps, ours.trained.seconds) == (7, 60.0)


def test_a_model_without_a_known_training_shows_a_dash(tmp_path):
    model = streamdeq.load(weights(tmp_path, replace(SPEC, provenance=Provenance())), "cpu", "fp32")
    comparison = judge([model], [], open_dataset(VIDEO, "val"), Settings((1,), (10,)))
    assert render(comparison, "a machine", Text()).splitlines()[1].split("  ")[0] == "tiny (0.0 M)"
    shown = render(comparison, "a machine", Markdown())
    assert "| tiny (0.0 M) | – |" in shown
    assert "in turns on a machine; fps" in shown


def test_single_pictures_are_compared_without_streaming(tmp_path, peer):
    dataset = open_dataset("synthetic:clips=2,frames=1,size=32x64", "val")
    model = streamdeq.load(weights(tmp_path), "cpu", "fp32")
    network = load_peer(LRASPP, peer, SPEC, torch.device("cpu"), "fp32")
    comparison = judge([model], [network], dataset, Settings((1,), (10,)))
    assert comparison.frames == 2
    for entry in comparison.entries:
        [line] = entry.lines
        assert (line.streaming, line.flicker, entry.flicker) == (None, None, None)
        assert line.scratch.value is not None
    assert comparison.entries[0].lines[0].nfe == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (f"--data {VIDEO} --peer resnet=x.safetensors", "unknown peer 'resnet'"),
        (f"--data {VIDEO} --peer {LRASPP}", f"--peer: expected NAME=FILE, got '{LRASPP}'"),
        (f"--data {VIDEO} --peer {LRASPP}=nowhere.safetensors", "no weights at nowhere.safetensors"),
    ],
)
def test_what_cannot_be_compared_is_one_line(tmp_path, capsys, arguments, message):
    assert guarded(APP, ["compare", weights(tmp_path), "--device", "cpu", *arguments.split()]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("streamdeq:")]
    assert len(errors) == 1
    assert message in errors[0]


def test_weights_of_another_network_are_told_from_a_peers(tmp_path, peer):
    with pytest.raises(
        StreamdeqError, match=f"tiny.safetensors does not fit {LRASPP} with {len(CLASSES)} classes: Error"
    ):
        load_peer(LRASPP, Path(weights(tmp_path)), SPEC, torch.device("cpu"))
    other = replace(SPEC, classes=CLASSES[:3], palette=PALETTE[:3])
    with pytest.raises(StreamdeqError, match=f"does not fit {LRASPP} with 3 classes"):
        load_peer(LRASPP, peer, other, torch.device("cpu"))


def test_models_of_other_classes_are_refused(tmp_path):
    other = streamdeq.load(weights(tmp_path, replace(SPEC, classes=tuple(f"c{i}" for i in range(len(CLASSES))))), "cpu")
    with pytest.raises(StreamdeqError, match="differ in their classes"):
        judge([other], [], open_dataset(VIDEO, "val"), Settings((1,), (10,)))
