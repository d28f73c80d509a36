"""Benchmarks: timing in turns, counted operations, baselines that compute the same, and what is said of it."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from streamdeq.api import Model
from streamdeq.cli.main import build, guarded
from streamdeq.evaluation.bench import report, subjects
from streamdeq.evaluation.bench.machine import gflop_of, matmul_probe, peak_memory_mb
from streamdeq.evaluation.bench.run import benchmark, open_model
from streamdeq.evaluation.bench.served import serve
from streamdeq.evaluation.bench.settings import BenchSettings
from streamdeq.evaluation.bench.turns import Probe, in_turns
from streamdeq.evaluation.peers import peer_class
from streamdeq.evaluation.reporting.table import Text
from streamdeq.models.architecture import Architecture
from streamdeq.models.checkpoint import save_weights
from streamdeq.models.spec import ModelSpec, Provenance
from streamdeq.tasks import build_network

SETTINGS = BenchSettings(iterations=(1, 3), frame="128x96", size=32, seconds=1)


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    palette = ((0, 0, 0),) * 3
    arch = Architecture((8, 16), groups=4, expansion=2)
    spec = ModelSpec("tiny", "segmentation", arch, ("a", "b", "c"), palette, 32, solver="broyden")
    network = build_network(spec).eval()
    return Model(network, spec, "cpu", "fp32"), network


@pytest.fixture(scope="module")
def found(tiny):
    return benchmark(*tiny, SETTINGS)


def test_probes_are_called_in_turns_and_the_median_is_of_one_call():
    order = []
    probes = [Probe("a", "x", lambda: order.append("a")), Probe("b", "x", lambda: order.append("b"), calls=4)]
    timings = in_turns(probes, 0)
    assert order == ["a", "b"] * 4  # once to begin with, then three turns
    assert [t.turns for t in timings] == [3, 3]
    assert all(0 < t.best_ms <= t.ms for t in timings)


def test_operations_are_those_of_the_convolutions_and_the_products():
    conv, x = nn.Conv2d(8, 16, 3, padding=1), torch.zeros(2, 8, 10, 12)
    assert gflop_of(lambda: conv(x)) == pytest.approx(2 * 2 * 16 * 10 * 12 * 8 * 9 / 1e9)
    probe = matmul_probe(torch.device("cpu"), torch.float32)
    assert probe.gflop == pytest.approx(gflop_of(probe.call))


def test_memory_is_that_of_this_process():
    held = torch.ones(40 * 2**20 // 4)
    assert peak_memory_mb(torch.device("cpu")) > 40
    assert subjects.megabytes({"one": held, "other": [held, None]}) == 80


def test_every_part_of_a_frame_is_timed_and_the_baselines_beside_it(found):
    parts = {}
    for timing in found.timings:
        parts.setdefault(timing.who, set()).add(timing.part)
    frames = {"frame @1", "frame @3"}
    assert parts == {
        "machine": {"matmul"},
        "streamdeq, eager": {"inject", "step", "solver", "predict", "decode"} | frames,
        "published, float32": {"inject", "step", "predict"} | frames,
        "torchdeq, float32": frames,
        "lraspp_mobilenet_v3_large, eager": {"frame @1"},
    }
    assert found.nfe == (2, 4)
    assert found.canvas_hw == (32, 48)


@pytest.mark.parametrize("solver", ["broyden", "picard"])
def test_another_librarys_solver_comes_to_the_same_answer_on_the_same_cell(tiny, solver):
    model, network = tiny
    picture = torch.randint(0, 256, (96, 128, 3), dtype=torch.uint8).numpy()
    work = subjects.Work(model, network, picture, 32, solver, (3,))
    f, start = subjects.Published(work).bound()
    answers = []
    for baseline in (subjects.our_solver, subjects.torchdeqs_solver):
        with torch.no_grad():
            answers.append(baseline(work)(3)(f, start).flat())
    torch.testing.assert_close(*answers, rtol=1e-4, atol=1e-4)


def test_a_peer_says_the_same_by_another_executor(tiny, tmp_path):
    spec = tiny[0].spec
    kind = peer_class("lraspp_mobilenet_v3_large", "segmentation")
    peer = kind("peer", kind.build(spec), spec, torch.device("cpu"), torch.float32, Provenance())
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    before, x = peer.answer(picture).labels, torch.randn(1, 3, 32, 64)
    expected = peer.network(x)["out"]
    assert serve(peer, "openvino", (32, 64), tmp_path)
    torch.testing.assert_close(peer.network(x)["out"], expected, rtol=1e-3, atol=1e-4)
    assert (peer.answer(picture).labels == before).mean() > 0.99


def test_what_is_said_ends_with_the_rates_this_machine_holds(found):
    text = report.render(found, "a machine", Text())
    assert text.splitlines()[-1] == report.verdict(found)
    assert report.verdict(found).startswith("tiny: this machine holds ")
    assert "fps at 1 iteration, " in report.verdict(found)
    assert report.verdict(found).endswith(" fps at 3 iterations (128x96)")


def test_a_peer_is_as_fast_at_any_number_of_iterations(found):
    [peer] = [line for line in report.chart(found).lines if line.name.startswith("lraspp")]
    assert [x for x, _ in peer.points] == [1, 3]
    assert len({y for _, y in peer.points}) == 1


def test_the_command_writes_command_commit_and_hardware_with_every_timing(tiny, tmp_path, capsys):
    model, network = tiny
    weights, out = tmp_path / "tiny.safetensors", tmp_path / "bench.json"
    save_weights(weights, network, model.spec)
    options = ["--frame", "128x96", "--iterations", "1", "--rows", "1,3", "--seconds", "1", "--alone"]
    assert guarded(build(["bench"]), ["bench", str(weights), *options, "--out", str(out)]) == 0
    assert "this machine holds" in capsys.readouterr().out
    written = json.loads(out.read_text())
    assert written["header"].keys() >= {"command", "commit", "machine", "threads", "seed"}
    assert {t["who"] for t in written["benchmark"]["timings"]} == {
        "machine",
        "streamdeq, eager",
        "streamdeq, eager, 3 rows",
    }


def test_a_head_of_another_width_has_random_weights_and_says_so():
    model, network = open_model("camvid-s", "cpu", "fp32", features=8)
    assert model.spec.name == "camvid-s (random)"
    assert network.head.last_layer[3].weight.shape == (11, 8, 1, 1)


@pytest.mark.parametrize("frame", ["wide", "0x10", "1280"])
def test_a_frame_that_has_no_size_is_refused_in_a_line(frame, capsys):
    assert guarded(build(["bench"]), ["bench", "small", "--frame", frame]) == 2
    assert "expected width x height in pixels, as 1280x720" in capsys.readouterr().err
