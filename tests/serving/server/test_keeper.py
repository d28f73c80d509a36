"""A server that begins again goes on from the latents it had, if there are whole files of them."""

from pathlib import Path

import pytest
import torch
from support.cameras import ANY, ended, pictures, played, server_of, taken, until, waiting
from support.pose_models import FILM, pose_model
from support.small_models import tiny_model

from streamdeq.errors import StreamdeqError
from streamdeq.serving.server import CameraConfig
from streamdeq.serving.server.config import StateConfig
from streamdeq.values.status import Start


def starts_of(folder: Path, seed: int = 0) -> list[Start]:
    """How the frames of a camera began, in a server with that folder."""
    with server_of(tiny_model(seed), state=StateConfig(folder)) as server:
        subscription = server.subscribe()
        server.add("a", ANY, waiting(server, "a", pictures(3)))
        ended(server, "a")
        assert server.reports()["a"].warm == (folder / "a.safetensors").exists()
    return [one.result.status.start for one in taken(subscription)]


def test_a_server_that_ends_saves_and_one_that_begins_goes_on(tmp_path: Path):
    cold, *rest = starts_of(tmp_path)
    assert (cold, *{*rest}) == (Start.COLD, Start.WARM)
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]
    assert {*starts_of(tmp_path)} == {Start.WARM}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The state of a camera."""
    folder = tmp_path_factory.mktemp("state")
    starts_of(folder)
    return (folder / "a.safetensors").read_bytes()


def test_latents_are_saved_now_and_then(tmp_path: Path):
    with server_of(tiny_model(), state=StateConfig(tmp_path, every_s=0.1)) as server:
        server.add("a", ANY, played(pictures(20), 20, again=True))
        until((tmp_path / "a.safetensors").is_file)
        first = (tmp_path / "a.safetensors").stat().st_mtime_ns
        until(lambda: (tmp_path / "a.safetensors").stat().st_mtime_ns > first)
        assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["a.safetensors"]


def test_a_camera_that_is_removed_leaves_no_state(tmp_path: Path, saved: bytes):
    (tmp_path / "a.safetensors").write_bytes(saved)
    with server_of(tiny_model(), state=StateConfig(tmp_path)) as server:
        server.add("a", ANY, waiting(server, "a", pictures(3)))
        ended(server, "a")
        server.remove("a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: data[::-1]])
def test_a_damaged_file_costs_a_start_from_zeros(
    tmp_path: Path, saved: bytes, damage, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "a.safetensors").write_bytes(damage(saved))
    with server_of(tiny_model(), state=StateConfig(tmp_path)) as server:
        subscription = server.subscribe()
        server.add("a", ANY, waiting(server, "a", pictures(3)))
        ended(server, "a")
        assert not server.reports()["a"].warm
    assert taken(subscription)[0].result.status.start is Start.COLD
    assert "camera a begins from zeros" in caplog.text


def test_a_folder_that_cannot_be_written_is_said_and_costs_no_frame(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "file").touch()
    with server_of(tiny_model(), state=StateConfig(tmp_path / "file")) as server:
        server.add("a", ANY, waiting(server, "a", pictures(3)))
        ended(server, "a")
        assert server.reports()["a"].processed == 3
    assert "its state cannot be saved" in caplog.text


def test_a_camera_that_looks_at_instances_steps_a_row_for_each_and_goes_on_from_its_file(tmp_path: Path):
    boxes = tmp_path / "boxes.json"
    boxes.write_text(
        '{"0": [[10, 10, 50, 60], [60, 20, 100, 80]], "1": [[12, 10, 52, 60]], "2": [], "3": [[1, 1, 9, 9]]}'
    )
    state = StateConfig(tmp_path / "state")
    for start in (Start.COLD, Start.WARM):
        with server_of(pose_model(), state=state) as server:
            subscription = server.subscribe()
            server.add(
                "a", CameraConfig("any", boxes=str(boxes), min_steps=2, max_steps=2), waiting(server, "a", FILM[:2])
            )
            ended(server, "a")
            answers = [one.result for one in taken(subscription)]
        assert [len(answer) for answer in answers] == [2, 1]
        assert [answer.status.nfe for answer in answers] == [2, 2]
        assert answers[0].ids.tolist() == ([0, 1] if start is Start.COLD else [0, 2])
        assert answers[1].status.start is Start.WARM
        assert torch.isfinite(torch.from_numpy(answers[0].keypoints_xy)).all()


def test_frames_without_instances_are_answered_too(tmp_path: Path):
    boxes = tmp_path / "boxes.json"
    boxes.write_text('{"1": [[10, 10, 50, 60]]}')
    with server_of(pose_model()) as server:
        subscription = server.subscribe()
        server.add("a", CameraConfig("any", boxes=str(boxes), max_steps=2), waiting(server, "a", FILM[:3]))
        server.add("b", CameraConfig("any", boxes=str(boxes), max_steps=3), waiting(server, "b", FILM[:3]))
        ended(server, "a", "b")
        for name in ("a", "b"):
            assert (server.reports()[name].processed, server.reports()[name].failed) == (3, 0)
        answers = [one.result for one in taken(subscription) if one.camera == "a"]
    assert [len(answer) for answer in answers] == [0, 1, 0]


def test_boxes_are_for_models_that_look_at_instances():
    with server_of(tiny_model()) as server, pytest.raises(StreamdeqError, match="segmentation looks at whole frames"):
        server.add("a", CameraConfig("any", boxes="person-s"), played(pictures(3), 20))
