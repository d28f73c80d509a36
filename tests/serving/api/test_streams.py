"""Answers as they come, pictures, metrics and stored results: real HTTP clients, some of which never read."""

import asyncio
import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from itertools import islice
from typing import Any

import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from support.camera_server import BEARER, TOKEN, Served, until
from support.http_server import request
from support.markdown import ROOT
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from streamdeq.serving.api.hub import DEPTH, Listener


@contextmanager
def opened(served: Served, path: str) -> Iterator[http.client.HTTPResponse]:
    """An answer that goes on for as long as the block lasts."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    connection.request("GET", path, headers=BEARER)
    with closing(connection), connection.getresponse() as answer:
        yield answer


def metrics(served: Served) -> dict[tuple[str, str], float]:
    """Each sample by its name and its camera."""
    text = served.ask("/metrics")[1].decode()
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name.removeprefix("streamdeq_"), sample.labels.get("camera", "")): sample.value for sample in found}


def test_answers_come_as_server_sent_events_of_the_cameras_that_are_asked_for(served: Served):
    with opened(served, "/events?camera=gate") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line.decode().rstrip() for line in islice(answer, 14)]
    records = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert {record["camera"] for record in records} == {"gate"}
    assert [record["index"] for record in records] == sorted(record["index"] for record in records)
    assert lines.count("event: result") >= 3


def test_answers_come_over_a_websocket_and_another_site_gets_none(served: Served):
    address = f"ws://127.0.0.1:{served.port}/ws"
    with connect(address, additional_headers=BEARER) as socket_:
        cameras = {json.loads(socket_.recv(timeout=60))["camera"] for _ in range(12)}
    assert cameras == {"gate", "yard"}
    for headers in ({}, {**BEARER, "Origin": "https://evil.example"}):
        with pytest.raises(InvalidStatus):
            connect(address, additional_headers=headers)


def test_the_page_gets_figures_and_only_the_pictures_it_has_room_for(served: Served):
    with connect(f"ws://127.0.0.1:{served.port}/live", additional_headers=BEARER) as socket_:
        pictures: list[bytes] = []
        told: list[Any] = []
        while len(told) < 5 or not pictures:
            socket_.send(json.dumps({"pictures": {"yard": 320, "none": 320, "gate": -1}}))
            while isinstance(message := socket_.recv(timeout=60), bytes):
                pictures.append(message)
            told.append(json.loads(message))
    assert all(one[: one[0] + 1] == b"\x04yard" for one in pictures)
    assert Image.open(BytesIO(pictures[0][5:])).size == (96, 64)
    points = [
        point[0] for one in told for camera in one["cameras"] if camera["name"] == "gate" for point in camera["points"]
    ]
    assert points == sorted(set(points))  # each frame once
    assert set(told[0]["cameras"][0]["settings"]) == {"min_steps", "max_steps", "priority", "start"}


@pytest.mark.parametrize("sent", ["", "[]", '{"pictures": 1}', '{"pictures": {"gate": "x"}}', "[" * 1000])
def test_a_page_that_asks_for_nonsense_gets_figures_alone(served: Served, sent: str):
    with connect(f"ws://127.0.0.1:{served.port}/live", additional_headers=BEARER) as socket_:
        socket_.send(sent)
        assert len(json.loads(socket_.recv(timeout=60))["cameras"]) == 2


def test_pictures_come_as_a_motion_jpeg(served: Served):
    with opened(served, "/cameras/gate/mjpeg") as answer:
        assert answer.readline() == b"--frame\r\n"
        for _ in range(3):
            assert answer.readline() == b"Content-Type: image/jpeg\r\n"
            length = int(answer.readline().split(b": ")[1])
            answer.readline()
            assert Image.open(BytesIO(answer.read(length))).size == (96, 64)
            assert (answer.readline(), answer.readline()) == (b"\r\n", b"--frame\r\n")


def test_clients_that_never_read_neither_stop_the_cameras_nor_the_others(served: Served):
    stuck = []
    for path in ("/events", "/cameras/gate/mjpeg", "/cameras/yard/mjpeg"):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        one.connect(("127.0.0.1", served.port))
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        stuck.append(one)
    before = {name: served.camera(name)["processed"] for name in ("gate", "yard")}
    for name in before:
        until(lambda name=name: served.camera(name)["processed"] > before[name] + 15, "the cameras to go on")
        until(lambda name=name: served.camera(name)["at_hand"] <= 5, "frames to be answered")
    with opened(served, "/events") as answer:
        assert any(line.startswith(b"data: ") for line in islice(answer, 14))
    for one in stuck:
        one.close()


def test_a_client_that_does_not_read_loses_the_oldest_answers_and_is_told_how_many():
    async def read() -> list[Any]:
        listener = Listener((), ())
        for number in range(DEPTH + 10):
            listener.offer(str(number))
        return [await listener.next(), await listener.next(), listener.lost]

    assert asyncio.run(read()) == [("10", 10), ("11", 0), 10]


def test_the_metrics_add_up_and_are_those_of_the_interface(served: Served):
    told = metrics(served)
    for camera in ("gate", "yard"):
        parts = [told[f"frames_{name}_total", camera] for name in ("processed", "dropped", "failed")]
        assert told["frames_decoded_total", camera] == sum(parts) > 0
        assert (
            told["steps_total", camera] >= told["frames_processed_total", camera] >= told["deadline_hits_total", camera]
        )
        assert told["up", camera] == 1.0
        assert told["stage_seconds_total", camera] >= 0
    assert told["sink_waiting", ""] >= 0
    later = served.camera("gate")
    assert later["processed"] >= told["frames_processed_total", "gate"]


def test_every_metric_is_explained_in_the_docs(served: Served):
    page = (ROOT / "docs" / "cameras.md").read_text(encoding="utf-8")
    assert [name for name, _ in metrics(served) if f"{name}`" not in page and f"streamdeq_{name}" not in page] == []


def test_stored_results_are_found_by_camera_class_and_time(served: Served):
    until(lambda: served.ask("/results?camera=gate&limit=3")[1]["results"], "results in the store")
    found = served.ask("/results?camera=gate&limit=3")[1]["results"]
    assert {record["camera"] for record in found} == {"gate"}
    assert [record["at"] for record in found] == sorted((record["at"] for record in found), reverse=True)
    assert served.ask("/results?until=2020-01-31T12:00Z")[1] == {"results": []}
    assert served.ask(f"/results?class=sky&since={found[-1]['at'] - 60}")[1]["results"]
    assert served.ask("/results?class=unicorn")[1] == {"results": []}


@pytest.mark.parametrize("query", ["since=yesterday", "limit=0", "limit=1000000", "limit=x", "kind=x"])
def test_a_query_that_cannot_be_is_one_line(served: Served, query: str):
    code, told = served.ask(f"/results?{query}")
    assert code in (400, 422)
    assert told["detail"]


def test_probes_need_no_token_and_no_name_and_say_nothing(served: Served):
    for path in ("/healthz", "/readyz"):
        code, text, _ = request(served.port, path, Host="10.1.2.3:8080")
        assert (code, text) == (200, b"ok\n")


def test_the_interface_is_described_and_its_page_needs_nothing_from_elsewhere(served: Served):
    described = served.ask("/openapi.json")[1]
    assert {"/cameras", "/cameras/{name}", "/events", "/results", "/metrics", "/healthz"} <= described["paths"].keys()
    body = described["paths"]["/cameras"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["name", "source"]
    assert {"model", "max_steps", "priority"} <= body["properties"].keys()
    for path in ("/", "/docs", "/static/docs.js", "/static/dashboard.js", "/static/dashboard.css"):
        code, text, headers = request(served.port, path, **BEARER)
        assert code == 200
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert b"://" not in text
