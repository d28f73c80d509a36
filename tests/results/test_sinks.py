"""Every place that records go to, with real files, a real broker and a real web server."""

import hashlib
import hmac
import json
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
from pyarrow import parquet
from support.publishing import free_port
from support.records import Server, event, record, seen, wait_until

from streamdeq.errors import StreamdeqError
from streamdeq.results.buffered import Buffered
from streamdeq.results.record import schema_of
from streamdeq.results.sinks import SINKS, read_sink
from streamdeq.results.sinks.base import RefusedError
from streamdeq.values.live import Patience

QUICK = Patience(first_delay_s=0.02, longest_delay_s=0.05)


# -- options ---------------------------------------------------------------------------------------------------


def test_a_place_is_one_text_or_a_mapping_of_options() -> None:
    assert read_sink("sqlite:a/b.db") == read_sink({"kind": "sqlite", "path": "a/b.db"})
    mqtt = read_sink("mqtts://cam:${PASS}@broker:1234/yard/{camera}")
    assert (mqtt.host, mqtt.port, mqtt.tls, mqtt.user, mqtt.password) == ("broker", 1234, True, "cam", "${PASS}")
    assert mqtt.topic_of(record(0, "gate/1#")) == "yard/gate-1-"
    assert mqtt.label == "mqtts://broker:1234"
    hook = read_sink({"kind": "webhook", "url": "https://me:secret@there/x?token=abc", "records": "events"})
    assert "secret" not in f"{hook}{hook.label}"
    assert "abc" not in f"{hook}{hook.label}"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("sqlite", "expected KIND:PLACE or an address"),
        ("sqlit:x", "did you mean 'sqlite'"),
        ({"path": "x"}, "lacks the entry 'kind'"),
        ({"kind": "sqlite", "path": "x", "keepdays": 3}, "unknown option of the sink sqlite 'keepdays'"),
        ({"kind": "sqlite", "path": "x", "keep_days": "three"}, "keep_days: expected a number or none, got 'three'"),
        ({"kind": "sqlite", "path": "x", "keep_days": 0}, "keep_days must be above 0"),
        ({"kind": "sqlite"}, "lacks the entry 'path'"),
        ("mqtt:///topic", "expected mqtt://HOST"),
        ("mqtt://host:port", "expected mqtt://HOST"),
        ({"kind": "mqtt", "host": "h", "topic": "{place}"}, "expected no braces but"),
        ({"kind": "webhook", "url": "ftp://x/y"}, "expected an http or https address"),
        ({"kind": "jsonl", "path": "x", "records": "none"}, "expected one of all, results, events"),
    ],
)
def test_a_place_that_cannot_be_is_refused_with_what_to_do(given, told: str) -> None:
    with pytest.raises(StreamdeqError, match=told):
        read_sink(given)


def test_a_secret_that_is_not_set_is_named(monkeypatch) -> None:
    monkeypatch.delenv("NO_SUCH", raising=False)
    with pytest.raises(StreamdeqError, match="NO_SUCH is not set in the environment"):
        read_sink({"kind": "webhook", "url": "http://x/", "headers": {"Authorization": "Bearer ${NO_SUCH}"}}).open()


# -- files -----------------------------------------------------------------------------------------------------


def test_json_lines_are_added_turned_over_and_mended_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "a.jsonl"
    for n in range(2):
        with read_sink(f"jsonl:{path}").open() as sink:
            sink.write([record(n), event(n)])
    lines = path.read_text().splitlines()
    assert [json.loads(line)["index"] for line in lines] == [0, 0, 1, 1]
    with path.open("a") as file:
        file.write('{"half')
    with read_sink({"kind": "jsonl", "path": str(path), "max_mb": 1e-6, "keep": 2}).open() as sink:
        for n in range(2, 6):
            sink.write([record(n)])
    names = ("a.jsonl", "a.jsonl.1", "a.jsonl.2")
    texts = [(path.parent / name).read_text() for name in names]
    assert [[json.loads(line)["index"] for line in text.splitlines()] for text in texts] == [[5], [4], [3]]
    assert {one.name for one in path.parent.iterdir()} == set(names)


def test_half_a_line_of_a_killed_writer_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"index": 0}\n{"ind')
    with read_sink(f"jsonl:{path}").open() as sink:
        sink.write([record(1)])
    assert json.loads(path.read_text().splitlines()[-1])["index"] == 1


def test_parquet_has_the_columns_of_the_schema_whatever_the_records_have(tmp_path: Path) -> None:
    with read_sink({"kind": "parquet", "path": str(tmp_path), "rows": 2}).open() as sink:
        sink.write([record(0, objects=seen("car")), event(0)])
        sink.write([record(1, shares={"road": 0.25}, own_thing={"x": 1})])
        sink.write([record(2, residual=float("nan"))])
    results = sorted(tmp_path.glob("results-*.parquet"))
    [events] = tmp_path.glob("events-*.parquet")
    assert len(results) == 2
    assert len(list(tmp_path.iterdir())) == 3
    rows = parquet.read_table(results).to_pylist(maps_as_pydicts="strict")
    assert [row["index"] for row in rows] == [0, 1, 2]
    assert rows[0]["objects"] == seen("car")
    assert rows[0]["latency_ms"] == {"solve": 9.0}
    assert rows[1]["shares"] == {"road": 0.25}
    assert json.loads(rows[1]["other"]) == {"own_thing": {"x": 1}}
    assert rows[2]["residual"] is None
    assert parquet.read_schema(results[0]) == parquet.read_schema(results[1])
    assert set(parquet.read_schema(events).names) == {*schema_of("event")["properties"], "other"}
    assert parquet.read_table(events).to_pylist()[0]["rule"] == "line"


def test_parquet_that_cannot_be_written_takes_no_more_until_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    sink = read_sink({"kind": "parquet", "path": str(folder), "rows": 2}).open()
    sink.write([record(0), record(1)])
    folder.rmdir()
    folder.touch()
    for _ in range(2):
        with pytest.raises(StreamdeqError, match="cannot write"):
            sink.write([record(2)])
    folder.unlink()
    sink.write([record(2)])
    sink.close()
    rows = parquet.read_table(sorted(folder.glob("*.parquet"))).to_pylist()
    assert [row["index"] for row in rows] == [0, 1, 2]


def test_the_records_of_these_tests_are_as_their_schema_says() -> None:
    for one, kind in ((record(0, objects=seen("car")), "result"), (event(0), "event")):
        jsonschema.Draft202012Validator.check_schema(schema_of(kind))
        jsonschema.validate(one, schema_of(kind))
    for wrong in ({"schema": "streamdeq/result@1", "camera": "a", "at": 1}, record(-1)):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema_of("result"))


# -- a web server ----------------------------------------------------------------------------------------------


def test_a_webhook_gets_signed_records_and_is_tried_again_while_it_fails(monkeypatch) -> None:
    monkeypatch.setenv("HOOK_TOKEN", "t0k/en")
    monkeypatch.setenv("HOOK_KEY", "key")
    with Server(codes=[503, 429, 500]) as server:
        own = {"headers": {"Authorization": "Bearer ${HOOK_TOKEN}"}, "secret": "${HOOK_KEY}"}
        options = read_sink({"kind": "webhook", "url": server.url, **own})
        with Buffered(options.open(), options.label, retries=QUICK) as sink:
            for n in range(3):
                sink.write(record(n))
            wait_until(lambda: sink.report().written == 3)
    assert [one["index"] for one in server.accepted] == [0, 1, 2]
    assert sink.report().failures == 3
    assert sink.report().lost == 0
    body, headers = server.bodies[0], server.headers[0]
    assert headers["Authorization"] == "Bearer t0k/en"
    assert headers["X-Streamdeq-Signature"] == f"sha256={hmac.new(b'key', body, hashlib.sha256).hexdigest()}"


@pytest.mark.parametrize("code", [302, 404, 413])
def test_a_webhook_that_refuses_is_not_asked_again(code: int) -> None:
    with Server(codes=[code]) as server:
        sink = read_sink(server.url).open()
        with pytest.raises(RefusedError, match=f"answered {code}"):
            sink.write([record(0)])
        sink.write([record(1)])
    assert [one["index"] for one in server.accepted] == [1]


def test_a_web_server_that_was_away_gets_what_waited() -> None:
    port = free_port()
    options = read_sink(f"http://127.0.0.1:{port}/hook")
    with Buffered(options.open(), options.label, retries=QUICK) as sink:
        sink.write(record(0))
        wait_until(lambda: sink.report().failures > 1)
        assert "Connection refused" in sink.report().error
        with Server(port=port) as server:
            wait_until(lambda: sink.report().written == 1)
    assert [one["index"] for one in server.accepted] == [0]


# -- a broker --------------------------------------------------------------------------------------------------


@pytest.fixture
def broker(tmp_path: Path):
    """Starts mosquitto on a port of its own, as often as it is called."""
    program = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
    if program is None:
        pytest.skip("mosquitto is not installed: no broker to speak to")
    port, running = free_port(), []
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nlog_dest none\n")

    def start():
        running.append(subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL))
        return running[-1]

    yield port, start
    for process in running:
        process.kill()
        process.wait()


def subscribed(port: int, topic: str) -> tuple[list, object]:
    import paho.mqtt.client as paho

    got: list = []
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.on_connect = lambda *_: client.subscribe(topic, qos=1)
    ready: list = []
    client.on_subscribe = lambda *_: ready.append(True)
    client.on_message = lambda _client, _data, message: got.append((message.topic, json.loads(message.payload)))
    wait_until(lambda: reached(client, port))
    client.loop_start()
    wait_until(lambda: ready)
    return got, client


def reached(client, port: int) -> bool:
    try:
        return client.connect("127.0.0.1", port) == 0
    except OSError:
        return False


def test_records_go_to_a_broker_and_again_when_it_comes_back(broker) -> None:
    port, start = broker
    options = read_sink(f"mqtt://127.0.0.1:{port}")
    with Buffered(options.open(), options.label, retries=QUICK) as sink:
        sink.write(record(0))
        wait_until(lambda: sink.report().failures > 1)
        assert "Connection refused" in sink.report().error
        first = start()
        wait_until(lambda: sink.report().written == 1)
        got, client = subscribed(port, "streamdeq/#")
        sink.write(record(1, "yard/north"))
        sink.write(event(1))
        wait_until(lambda: len(got) == 2)
        assert got == [("streamdeq/yard-north/result", record(1, "yard/north")), ("streamdeq/gate/event", event(1))]
        first.kill()
        first.wait()
        sink.write(record(2))
        wait_until(lambda: sink.report().error)
        start()
        wait_until(lambda: sink.report().written == 4)
        client.loop_stop()
        client.disconnect()
    assert sink.report().lost == 0


def test_every_kind_of_sink_says_where_it_writes() -> None:
    assert {*SINKS} == {"jsonl", "mqtt", "parquet", "sqlite", "webhook"}
