"""Many cameras through one model: the answers are those of each alone, and every frame is accounted for."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.cameras import ANY, alone, ended, latent_model, pictures, played, server_of, taken, until, waiting
from support.small_files import tiny_weights
from support.small_models import distance

from streamdeq.api import load
from streamdeq.errors import StreamdeqError
from streamdeq.serving.scheduler.camera import Terms
from streamdeq.serving.server import CameraConfig, Server, Subscription
from streamdeq.values.status import Start, Status


def test_answers_are_those_of_the_same_steps_alone_whatever_the_mix():
    model = latent_model()
    cameras = {
        "slow": (replace(ANY, max_steps=20), played(pictures(6, 1), 7)),
        "quick": (replace(ANY, max_steps=3), played(pictures(40, 2), 50)),
        "least": (replace(ANY, min_steps=2, max_steps=2), played(pictures(25, 3), 30)),
        "wide": (replace(ANY, max_steps=5, deadline_ms=30), played(pictures(12, 4, (32, 80)), 15)),
    }
    with server_of(model) as server:
        subscription = server.subscribe(1000)
        for name, (camera, opens) in cameras.items():
            server.add(name, camera, opens)
        ended(server, *cameras)
        reports, published = server.reports(), taken(subscription)
    for name, (camera, _) in cameras.items():
        own = [one for one in published if one.camera == name]
        assert [one.frame.index for one in own] == sorted({one.frame.index for one in own})
        assert all(camera.min_steps <= one.result.status.nfe <= camera.max_steps for one in own)
        for got, wanted in zip(own, alone(model, own), strict=True):
            assert distance(got.result.z, wanted.z) < 1e-10
            assert got.result.status.start == wanted.status.start
        report = reports[name]
        assert report.decoded == report.processed + report.dropped + report.failed
        assert (report.processed, report.steps) == (len(own), sum(one.result.status.nfe for one in own))
        assert report.in_time == sum(one.in_time for one in own)
    assert [reports[name].decoded for name in cameras] == [6, 40, 25, 12]


def own(subscription: Subscription, name: str) -> list[Status]:
    """Of a camera's answers that wait there."""
    return [one.result.status for one in taken(subscription) if one.camera == name]


def test_a_camera_is_added_changed_and_removed_while_the_others_run():
    with server_of() as server:
        subscription = server.subscribe(1000)
        server.add("a", ANY, played(pictures(10), 20, again=True))
        until(lambda: server.reports()["a"].processed > 3)
        server.add("b", replace(ANY, max_steps=2), played(pictures(10), 20, again=True))
        until(lambda: server.reports()["b"].processed > 3)
        taken(subscription)
        server.change("b", min_steps=4, max_steps=4, priority=3.0)
        assert (server.cameras()["b"].max_steps, server.cameras()["b"].priority) == (4, 3.0)
        before = server.reports()["b"].processed
        until(lambda: server.reports()["b"].processed > before + 2)
        meanwhile = own(subscription, "b")  # one that was at hand may have had the steps of before
        until(lambda: server.reports()["b"].processed > before + 6)
        last = server.remove("b")
        assert last.decoded == last.processed + last.dropped + last.failed
        assert list(server.reports()) == ["a"]
        changed = own(subscription, "b")
        assert {status.nfe for status in changed} == {4}
        assert {status.start for status in meanwhile + changed} == {Start.WARM}  # the latent was kept
        assert server.latest("a") is not None


@pytest.fixture(scope="module")
def going() -> Iterator[Server]:
    """A server with one camera, `a`."""
    with server_of() as server:
        server.add("a", ANY, played(pictures(4), 20, again=True))
        yield server


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda server: server.add("a", ANY), "camera 'a' is there already"),
        (lambda server: server.add("a/b", ANY), "expected a name of letters"),
        (lambda server: server.add("b", replace(ANY, model="other")), r"unknown model 'other' \(choices: main\)"),
        (lambda server: server.add("b", CameraConfig("nowhere.mp4")), "no file or folder nowhere.mp4"),
        (lambda server: server.add("b", replace(ANY, blur=("person",))), "blur: segmentation does not say where"),
        (lambda server: server.add("b", replace(ANY, zone=((0, 0), (9, 0), (9, 9)))), "zone: segmentation answers"),
        (lambda server: server.change("c", fps=3.0), r"unknown camera 'c'"),
        (lambda server: server.change("a", max_step=3), r"unknown setting 'max_step'; did you mean 'max_steps'"),
        (lambda server: server.change("a", max_steps=0), "max_steps must be at least min_steps"),
        (lambda server: server.remove("c"), r"unknown camera 'c'"),
        (lambda server: server.latest("c"), r"unknown camera 'c'"),
        (lambda server: server.swap_model("main", "nothing"), "nothing"),
        (lambda server: server.swap_model("other", "nothing"), "unknown model 'other'"),
    ],
)
def test_what_cannot_be_is_refused_and_the_cameras_go_on(going: Server, work, said: str):
    with pytest.raises(StreamdeqError, match=said):
        work(going)
    before = going.reports()["a"].processed
    until(lambda: going.reports()["a"].processed > before)
    assert list(going.cameras()) == ["a"]


def test_a_camera_that_cannot_be_served_is_refused_with_the_figures():
    with server_of(overload=False) as server:
        server.add("a", ANY, played(pictures(4), 0.5, again=True))
        with pytest.raises(StreamdeqError, match=r"'b' is not admitted: 1e\+03 frames per second at 20 steps take"):
            server.add("b", replace(ANY, min_steps=20, max_steps=20), played(pictures(4), 1000, again=True))
        assert (list(server.cameras()), server.load().cameras) == (["a"], 1)


def test_more_than_the_machine_can_do_is_taken_where_that_is_wanted_and_frames_are_dropped():
    with server_of() as server:
        server.add("a", replace(ANY, min_steps=100, max_steps=100), played(pictures(50), 500))
        ended(server, "a")
        report = server.reports()["a"]
    assert report.decoded == 50
    assert report.dropped > 10
    assert report.steps == 100 * report.processed


def test_who_does_not_take_the_answers_loses_the_oldest_and_holds_up_nobody():
    with server_of() as server:
        idle = server.subscribe(depth=3)
        server.add("a", ANY, waiting(server, "a", pictures(20)))
        ended(server, "a")
        assert server.reports()["a"].processed == 20
        assert [one.frame.index for one in taken(idle)] == [17, 18, 19]
        assert idle.lost == 17
    assert idle.closed
    assert idle.get() is None


def test_a_subscription_that_is_closed_gets_nothing_more():
    with server_of() as server, server.subscribe() as subscription:
        server.add("a", ANY, played(pictures(20), 40, again=True))
        assert subscription.get(timeout=60) is not None
        subscription.close()
        taken(subscription)
        assert subscription.closed
        before = server.reports()["a"].processed
        until(lambda: server.reports()["a"].processed > before)
        assert subscription.lost == 0


def test_a_camera_that_cannot_be_opened_is_tried_again_and_disturbs_nobody(caplog: pytest.LogCaptureFixture):
    with server_of(cameras={"gone": CameraConfig("nowhere.mp4", fps=0.5)}) as server:
        server.add("a", ANY, waiting(server, "a", pictures(10)))
        ended(server, "a")
        report = server.reports()["gone"]
        assert (report.state, report.decoded) == ("failed", 0)
        assert report.note == "no file or folder nowhere.mp4: check the path"
        assert server.reports()["a"].processed == 10
    assert "camera gone: no file or folder nowhere.mp4" in caplog.text


def test_a_frame_that_no_model_can_look_at_fails_alone():
    images = [*pictures(3), *pictures(2, hw=(2, 400)), *pictures(3)]
    with server_of() as server:
        server.add("a", ANY, waiting(server, "a", images))
        ended(server, "a")
        report = server.reports()["a"]
    assert (report.processed, report.failed, report.dropped) == (6, 2, 0)


def test_frames_beyond_a_cameras_own_fps_are_counted_as_thinned():
    with server_of() as server:
        server.add("a", replace(ANY, fps=10), waiting(server, "a", pictures(40), 40))
        ended(server, "a")
        report = server.reports()["a"]
    # The first frame could have come a period ago: the one behind it is taken too.
    assert (report.processed, report.thinned, report.dropped) == (11, 29, 29)
    assert report.fps == pytest.approx(10, rel=0.1)


def test_another_model_takes_over_between_two_ticks_and_goes_on_from_the_latents(tmp_path: Path):
    other = tiny_weights(tmp_path / "other.safetensors", seed=1)
    first = load(tiny_weights(tmp_path / "first.safetensors"))
    with server_of(first) as server:
        subscription = server.subscribe(1000)
        server.add("a", ANY, waiting(server, "a", pictures(30), 30))
        until(lambda: server.reports()["a"].processed > 5)
        server.swap_model("main", str(other))
        assert server.model("a") is not first
        ended(server, "a")
        report = server.reports()["a"]
    assert report.processed == 30
    starts = [one.result.status.start for one in taken(subscription)]
    assert starts == [Start.COLD] + [Start.WARM] * (len(starts) - 1)


def test_a_server_that_does_not_run_says_so():
    server = server_of()
    with pytest.raises(StreamdeqError, match="not running"):
        server.add("a", ANY, played(pictures(3), 20))


def test_terms_are_those_of_the_camera_and_of_its_source():
    assert CameraConfig("x", fps=10, deadline_ms=80).terms(25) == Terms(1, 8, 1.0, 0.08, 10)
    assert CameraConfig("x", fps=30).terms(25).fps == 25
    assert CameraConfig("x").terms().fps is None
