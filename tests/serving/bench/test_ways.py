"""What is done today, and the server, under the same show."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from support.cameras import latent_model, pictures
from support.small_files import tiny_weights
from support.small_models import tiny_spec

from streamdeq.cli.main import main
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.peers import load_peer, peer_class
from streamdeq.models.architecture import Architecture
from streamdeq.serving.bench import baselines, run
from streamdeq.serving.bench.baselines import Fixed, FrameByFrame, in_step, one_after_another, play, warm_up
from streamdeq.serving.bench.processes import play_processes
from streamdeq.serving.bench.run import EngineOf
from streamdeq.serving.bench.served import play_served
from streamdeq.serving.bench.settings import CamerasSettings
from streamdeq.serving.bench.show import Film, Show
from streamdeq.solvers import make_solver

SETTINGS = CamerasSettings(jitter=0.2)


def show(cameras: int = 3, fps: float = 20.0, seconds: float = 1.0) -> Show:
    film = Film("f", fps, tuple(pictures(6)), (None,) * 6)
    return Show.of([film], cameras, fps, seconds, SETTINGS)


def fixed(shown: Show, steps: int = 2, *, warm: bool = True) -> Fixed:
    engine = latent_model().engine(make_solver("picard", 20))
    return Fixed(engine, [engine.open() for _ in range(shown.cameras)], steps, warm)


class Clock:
    """In the place of the module `time`: whoever sleeps, or looks at it, makes it go on."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        self.now_s += 1e-4
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    one = Clock()
    monkeypatch.setattr(baselines, "time", one)
    return one


@pytest.mark.parametrize("together", [False, True])
def test_every_frame_is_answered_or_dropped_and_no_answer_comes_before_its_frame(clock: Clock, together):
    shown = show()
    way = fixed(shown)
    warm_up(shown, way, 3)
    outcome = play(shown, way, in_step(3, shown.deadline_s) if together else one_after_another, 100.1)
    assert len(outcome.answers) + outcome.dropped == 3 * 20
    assert len({(one.camera, one.number) for one in outcome.answers}) == len(outcome.answers)
    for one in outcome.answers:
        assert one.answered_s > shown.tables[one.camera][one.number].at_s
        assert one.steps == one.result.status.nfe == 2


def test_in_lock_step_all_cameras_are_answered_at_one_time(clock: Clock):
    shown = show()
    outcome = play(shown, fixed(shown), in_step(3, shown.deadline_s), 100.1)
    times = [one.answered_s for one in outcome.answers]
    assert len(set(times)) < 0.6 * len(times)


def test_a_machine_that_is_too_slow_answers_the_freshest_frame(clock: Clock):
    shown = show(cameras=1, fps=100.0)
    way = fixed(shown)

    def slow(inbox, now_s):
        clock.sleep(0.1)
        return one_after_another(inbox, now_s)

    outcome = play(shown, way, slow, 100.1)
    assert outcome.dropped > 80
    assert outcome.answers[-1].number == 99
    ages = [one.answered_s - shown.tables[0][one.number].at_s for one in outcome.answers[1:]]
    assert max(ages) < 0.25


def test_the_server_accounts_for_every_frame_of_a_show():
    shown = show()
    outcome = play_served(shown, latent_model(), SETTINGS, 4)
    assert len(outcome.answers) + outcome.dropped == 3 * 20
    assert all(1 <= one.steps <= 4 for one in outcome.answers)
    assert {one.camera for one in outcome.answers} == {0, 1, 2}


@pytest.mark.slow
def test_a_process_for_each_camera_answers_the_same_show(tmp_path):
    weights = tiny_weights(tmp_path / "tiny.safetensors")
    shown = show(cameras=2, fps=5.0, seconds=2.0)
    outcome = play_processes(shown, EngineOf(str(weights), "cpu", "fp32", 2, None, "eager"), 2)
    assert len(outcome.answers) + outcome.dropped == 2 * 10
    assert {one.camera for one in outcome.answers} == {0, 1}


def test_the_command_writes_the_curve_and_what_is_held(tmp_path, monkeypatch, capsys):
    ended = []
    monkeypatch.setattr("os._exit", ended.append)
    monkeypatch.setattr(run, "CAPACITY_S", 0.2)
    given = (
        "-m street-s --data synthetic:clips=2,frames=6,size=64x96 --cameras 2 --way served,queue --frames 6 --size 64"
    )
    more = f"--load 0.5 --limit 0 --seconds 3 --max-steps 2 --resamples 10 --out {tmp_path}/b.json"
    monkeypatch.setattr("sys.argv", f"streamdeq bench cameras {given} {more}".split())
    main()
    assert ended == [0], capsys.readouterr().err
    read = json.loads((tmp_path / "b.json").read_text())
    points = read["benchmark"]["curve"]
    assert [point["way"] for point in points] == ["served", "queue"]
    assert all(point["load"] == pytest.approx(0.5) for point in points)
    assert all(0 <= point["figures"]["shown"]["value"] <= 100 for point in points)
    assert read["benchmark"]["capacity"][1] > read["benchmark"]["capacity"][0] > 0
    assert read["header"]["metric"] == "mIoU"


def test_a_peer_answers_frame_by_frame_with_the_same_weights_file_as_in_compare(clock: Clock, tmp_path):
    spec = replace(tiny_spec(Architecture((8, 8), groups=2, expansion=1)), size=32)
    network = peer_class("lraspp_mobilenet_v3_large", "segmentation").build(spec)
    save_file({key: t.contiguous() for key, t in network.state_dict().items()}, tmp_path / "peer.safetensors")
    peer = load_peer("lraspp_mobilenet_v3_large", tmp_path / "peer.safetensors", spec, torch.device("cpu"), "fp32")
    shown = show(cameras=2, fps=5.0)
    outcome = play(shown, FrameByFrame(peer), one_after_another, 100.1)
    assert len(outcome.answers) + outcome.dropped == 2 * 5
    one = outcome.answers[0]
    expected = peer.answer(shown.image(one.camera, one.number))
    assert (one.result.labels == expected.labels).all()


def test_the_way_of_a_peer_needs_one():
    settings = replace(SETTINGS, ways=("peer",), frames=6)
    with pytest.raises(StreamdeqError, match="--way peer: expected --peer NAME=FILE"):
        run.Bench("street-s", "synthetic:clips=1,frames=4,size=64x96", "val", settings)


def test_what_cannot_be_measured_is_refused():
    for wrong in ({"seconds": 2.0}, {"jitter": 1.0}, {"dropout": -0.1}, {"fps": 0.0}):
        with pytest.raises(StreamdeqError):
            replace(SETTINGS, **wrong)
