"""Cameras over HTTP: what they are, what changes them, and what no request may do."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from jsonschema import validate
from PIL import Image
from support.camera_server import Served, running, until
from support.http_server import request
from support.small_files import tiny_weights

from streamdeq.results.record import schema_of


def test_every_camera_has_its_settings_and_counters_that_add_up(served: Served):
    code, told = served.ask("/cameras")
    assert code == 200
    assert [camera["name"] for camera in told["cameras"]] == ["gate", "yard"]
    for camera in told["cameras"]:
        assert camera["decoded"] == camera["processed"] + camera["dropped"] + camera["failed"] > 0
        assert camera["state"] == "live"
    assert told["cameras"][0]["settings"]["max_steps"] == 4
    assert set(told["load"]) == {"full", "least"}


def test_the_newest_answer_is_a_record_and_has_a_picture(served: Served):
    code, record = served.ask("/cameras/gate/latest")
    assert (code, record["camera"]) == (200, "gate")
    validate(record, schema_of("result"))
    code, data = served.ask("/cameras/gate/picture")
    picture = Image.open(BytesIO(data))
    assert (code, picture.format, picture.size) == (200, "JPEG", (96, 64))
    assert Image.open(BytesIO(served.ask("/cameras/gate/picture?longest=48")[1])).size == (
        96,
        64,
    )  # the smallest is 320


def test_a_camera_is_added_changed_and_removed_while_the_others_go_on(served: Served):
    before = served.camera("yard")["processed"]
    made = {"name": "hall", "source": "tcp://127.0.0.1:9", "model": "tiny", "fps": 1, "max_steps": 2}
    code, camera = served.ask("/cameras", "POST", made)
    assert (code, camera["name"], camera["settings"]["max_steps"], camera["processed"]) == (201, "hall", 2, 0)
    assert served.ask("/cameras", "POST", made)[0] == 409  # the name is taken
    code, camera = served.ask("/cameras/hall", "PATCH", {"max_steps": 6, "priority": 2.0})
    assert (code, camera["settings"]["max_steps"], camera["settings"]["priority"]) == (200, 6, 2.0)
    assert served.ask("/cameras/hall/latest")[0] == 404  # nothing has come of it
    assert served.ask("/cameras/hall", "DELETE") == (204, b"")
    assert served.ask("/cameras/hall")[0] == 404
    until(lambda: served.camera("yard")["processed"] > before, "yard to go on")


def test_a_change_reaches_the_next_frames(served: Served):
    served.ask("/cameras/gate", "PATCH", {"min_steps": 2, "max_steps": 2})
    until(lambda: served.ask("/cameras/gate/latest")[1]["iterations"] == 2, "two steps per frame")
    served.ask("/cameras/gate", "PATCH", {"start": "zeros"})
    until(lambda: served.ask("/cameras/gate/latest")[1]["start"] == "cold", "frames from scratch")
    served.ask("/cameras/gate", "PATCH", {"start": "previous", "min_steps": 1, "max_steps": 4})
    until(lambda: served.ask("/cameras/gate/latest")[1]["start"] == "warm", "frames carried on")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": "x", "source": "/etc/passwd", "model": "tiny"}, "expected one of rtsp, tcp, got a path"),
        ({"name": "x", "source": "file:///etc/passwd", "model": "tiny"}, "kind of address"),
        (
            {"name": "x", "source": "rtsp://${HOME}@10.0.0.1/x", "model": "tiny"},
            "may stand in the server's own file only",
        ),
        ({"name": "x", "source": "rtsp://u:hunter22@evil.example/x", "model": "tiny"}, "not among those allowed"),
        ({"name": "x", "source": "rtsp://10.0.0.1.evil.example/x", "model": "tiny"}, "not among those allowed"),
        ({"name": "x", "source": "rtsp://cams.example.evil/x", "model": "tiny"}, "not among those allowed"),
        ({"name": "x", "source": "rtsp://10.0.0.1/x", "model": "tiny", "boxes": "/etc/passwd"}, "names no files"),
        ({"name": "x", "source": "rtsp://10.0.0.1/x", "model": "tiny", "max_stepz": 3}, "did you mean 'max_steps'"),
        ({"name": "x", "source": "rtsp://10.0.0.1/x", "model": "tiny", "max_steps": "3"}, "max_steps"),
        ({"name": "../x", "source": "rtsp://10.0.0.1/x", "model": "tiny"}, "expected a name"),
        ({"source": "rtsp://10.0.0.1/x", "model": "tiny"}, "expected a name"),
        ([], "expected a JSON object"),
    ],
)
def test_what_a_request_may_not_ask_for_is_one_line_without_secrets(served: Served, body: Any, said: str):
    code, told = served.ask("/cameras", "POST", body)
    assert (code, told["status"]) == (400, 400)
    assert said in told["detail"]
    assert "hunter22" not in told["detail"]


def test_a_source_is_told_without_its_login(served: Served):
    body = {"name": "door", "source": "tcp://admin:hunter22@a.cams.example:9/x", "fps": 1}
    code, camera = served.ask("/cameras", "POST", body)
    try:
        assert code == 201
        assert camera["settings"]["source"] == "tcp://***@a.cams.example:9/x"
        assert "hunter22" not in json.dumps(served.ask("/cameras")[1])
    finally:
        served.ask("/cameras/door", "DELETE")


def test_a_camera_that_there_is_no_room_for_is_a_conflict_with_the_figures(tmp_path: Path):
    weights = tiny_weights(tmp_path / "tiny.safetensors")
    file = tmp_path / "none.yaml"
    file.write_text(
        f"models: {{ tiny: {weights} }}\nallow: {{ schemes: [tcp], hosts: [127.0.0.1] }}\nlisten: {{ port: 0 }}\n"
    )
    many = {
        "name": "fast",
        "source": "tcp://127.0.0.1:9",
        "model": "tiny",
        "fps": 1000,
        "min_steps": 20,
        "max_steps": 20,
    }
    with running(file) as served:
        code, told = served.ask("/cameras", "POST", many)
    assert (code, told["title"]) == (409, "Conflict")
    assert "not admitted: 1e+03 frames per second at 20 steps" in told["detail"]


@pytest.mark.parametrize(
    "path", ["/cameras/none", "/cameras/none/latest", "/cameras/none/picture", "/cameras/none/mjpeg"]
)
def test_a_camera_that_is_not_there_is_404(served: Served, path: str):
    code, told = served.ask(path)
    assert (code, told["title"]) == (404, "Not Found")


@pytest.mark.parametrize("path", ["/", "/cameras", "/metrics", "/docs", "/openapi.json", "/results", "/static/link.js"])
def test_without_the_token_nothing_is_to_be_had(served: Served, path: str):
    assert request(served.port, path)[0] == 403


@pytest.mark.parametrize(
    "path", ["/static/..%2f..%2fhttp.py", "/static/index.html", "/static/%2e%2e/app.py", "/static/x"]
)
def test_no_path_of_a_request_reaches_a_file(served: Served, path: str):
    assert served.ask(path)[0] == 404
