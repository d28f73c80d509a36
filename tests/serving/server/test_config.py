"""A server's YAML file: what it says, and what is said of one that is wrong."""

from pathlib import Path

import pytest

from streamdeq.errors import StreamdeqError
from streamdeq.serving.server import CameraConfig, ModelConfig, read_config
from streamdeq.serving.server.config import AllowConfig, ListenConfig, StateConfig

WHOLE = """
models:
  street: camvid-s
  people: {weights: person-s, runtime: auto, solver: picard}
state: {folder: /var/lib/streamdeq, every_s: 5}
allow: {schemes: [rtsp, camera], hosts: ["10.0.0.*"]}
listen: {host: 0.0.0.0, port: 80, prefix: /cameras}
overload: true
cameras:
  door:
    source: rtsp://${CAM_USER}:${file:/run/secrets/cam}@10.0.0.7/live
    model: people
    fps: 10
    deadline_ms: 80.5
    max_steps: 4
    priority: 2
    conf: 0.4
    classes: [person]
    track: true
    zone: [[0, 0], [640, 0], [640, 480]]
    privacy:
      - [[0, 0], [10.5, 0], [10, 10]]
    blur: [person]
    size: 288
  road:
    source: 0
    model: street
    start: zeros
    loop: false
    fps:
"""
MAIN = "models: {main: x}\ncameras: "


def written(folder: Path, text: str) -> Path:
    path = folder / "cameras.yaml"
    path.write_text(text)
    return path


def test_everything_that_can_be_said_is_read(tmp_path: Path):
    config = read_config(written(tmp_path, WHOLE))
    assert config.models == {
        "street": ModelConfig("camvid-s"),
        "people": ModelConfig("person-s", solver="picard", runtime="auto"),
    }
    assert config.state == StateConfig(Path("/var/lib/streamdeq"), 5)
    assert config.allow == AllowConfig(("rtsp", "camera"), ("10.0.0.*",))
    assert config.listen == ListenConfig("0.0.0.0", 80, "/cameras")
    assert config.overload
    assert config.cameras["door"] == CameraConfig(
        "rtsp://${CAM_USER}:${file:/run/secrets/cam}@10.0.0.7/live",
        "people",
        10,
        80.5,
        max_steps=4,
        priority=2,
        conf=0.4,
        classes=("person",),
        track=True,
        zone=((0, 0), (640, 0), (640, 480)),
        privacy=(((0, 0), (10.5, 0), (10, 10)),),
        blur=("person",),
        size=288,
    )
    assert config.cameras["road"] == CameraConfig("0", "street", start="zeros", loop=False)


def test_a_camera_is_shown_without_its_secrets():
    camera = CameraConfig("rtsp://ann:secret@10.0.0.7/live?token=hidden")
    assert "secret" not in repr(camera) + camera.label
    assert "hidden" not in repr(camera) + camera.label
    assert "10.0.0.7" in camera.label


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cameras: {}", "models: expected at least one"),
        ("models: {main: camvid-s}\ncamera: {}", "unknown key 'camera'; did you mean 'cameras'"),
        ("models: {main: {weight: x}}", "models.main: unknown key 'weight'; did you mean 'weights'"),
        (
            "models: {main: x}\ncameras: {a: {source: b, prio: 1}}",
            "cameras.a: unknown key 'prio'; did you mean 'priority'",
        ),
        (MAIN + "{a: {max_steps: 2}}", "cameras.a: lacks the entry 'source'"),
        (
            "models: {main: x}\ncameras: {a: {source: b, fps: fast}}",
            "cameras.a: fps: expected a number or none, got 'fast'",
        ),
        (MAIN + "{a: {source: b, fps: 0}}", "cameras.a: fps must be above 0"),
        (
            "models: {main: x}\ncameras: {a: {source: b, zone: [[1, 2], [3, 4]]}}",
            "cameras.a: zone: expected at least 3",
        ),
        (MAIN + "{a: {source: b, zone: [1, 2, 3]}}", "cameras.a: zone: expected"),
        ("models: {main: x}\ncameras: {a/b: {source: b}}", "expected a name of letters"),
        ("models: {main: x}\ncameras: [a]", "cameras: expected names and settings"),
        ("models: {main: x}\nlisten: {port: 70000}", "port: expected 0 to 65535, got 70000"),
        ("models: {main: x}\nmodels: {}", "'models' twice"),
        ("- a", "expected 'key: value'"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_file_and_key(tmp_path: Path, text: str, said: str):
    path = written(tmp_path, text)
    with pytest.raises(StreamdeqError) as caught:
        read_config(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("source", ["rtsp://10.0.0.7/a", "0"])
def test_sources_that_are_allowed_may_be_named(source: str):
    AllowConfig(("rtsp", "camera"), ("10.0.0.*",)).check(source)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("/etc/passwd", "expected one of rtsp, got a path"),
        ("file.mp4", "expected one of rtsp, got a path"),
        ("http://10.0.0.7/a", "expected one of rtsp, got http"),
        ("rtsp://10.0.0.8.evil.example/a", "host 10.0.0.8.evil.example is not among those allowed"),
        ("rtsp://user@10.0.0.7@evil.example/a", "host evil.example is not among those allowed"),
        ("file:///etc/passwd", "file"),
        ("rtsp://10.0.0.7/${file:/etc/passwd}", "may stand in the server's own file only"),
    ],
)
def test_sources_that_are_not_allowed_are_refused(source: str, said: str):
    with pytest.raises(StreamdeqError, match=said):
        AllowConfig(("rtsp",), ("10.0.0.*",)).check(source)
