"""Records to an MQTT broker, with paho-mqtt."""

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Self
from urllib.parse import unquote, urlsplit

from streamdeq.errors import StreamdeqError
from streamdeq.results.record import as_text, kind_of
from streamdeq.results.sinks.base import RecordSink, SinkOptions, missing_package
from streamdeq.values.numbers import check_above_zero
from streamdeq.video.live.credentials import named_values

TOPIC = "streamdeq/{camera}/{kind}"
#: A connection that is lost is noticed so soon.
LOOK_S = 0.5
#: What a topic's part must not hold: MQTT's own signs, and the slash that parts it.
SIGNS = str.maketrans("/+#\0", "----")


@dataclass(frozen=True, kw_only=True)
class Mqtt(SinkOptions):
    """Args:
    host, port: of the broker; 1883, with TLS 8883, if None.
    tls: encrypted, and the broker's certificate is checked.
    topic: `{camera}` and `{kind}` ("result", "event") are filled in.
    user, password: `${NAME}` and `${file:PATH}` are read when it begins.
    qos: 1: the broker has confirmed what counts as written; 0: it was sent.
    timeout_s: seconds for the broker to answer.
    """

    host: str
    port: int | None = None
    tls: bool = False
    topic: str = TOPIC
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    qos: Literal[0, 1] = 1
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_above_zero("timeout_s", self.timeout_s)
        try:
            self.topic_of({"schema": "", "camera": ""})
        except (AttributeError, KeyError, ValueError, IndexError) as error:
            raise StreamdeqError(f"topic: expected no braces but {{camera}} and {{kind}}, got {self.topic}") from error

    @classmethod
    def at(cls, place: str) -> Self:
        parts = urlsplit(place)
        try:
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host:
            raise StreamdeqError("expected mqtt://HOST[:PORT][/TOPIC], with USER:PASSWORD@ before the host if needed")
        return cls(
            host=host,
            port=port,
            tls=parts.scheme == "mqtts",
            topic=unquote(parts.path.strip("/")) or TOPIC,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    @property
    def label(self) -> str:
        return f"mqtt{'s' * self.tls}://{self.host}:{self.port or (8883 if self.tls else 1883)}"

    def topic_of(self, record: Mapping[str, Any]) -> str:
        return self.topic.format(camera=record["camera"].translate(SIGNS), kind=kind_of(record))

    def open(self) -> RecordSink:
        return Publisher(self)


class Publisher(RecordSink):
    def __init__(self, options: Mqtt) -> None:
        try:
            import paho.mqtt.client as paho
        except ImportError as error:
            raise missing_package("paho-mqtt", "mqtt", "MQTT") from error
        self._paho: Any = paho
        self._options = options
        self._user, self._password = (named_values(text, options.label) for text in (options.user, options.password))
        self._client: Any = None

    def write(self, item: Sequence[Mapping[str, Any]]) -> None:
        options = self._options
        try:
            if self._client is None or not self._client.is_connected():
                self.close()
                self._client = self._connected()
            sent = [self._client.publish(options.topic_of(one), as_text(one), qos=options.qos) for one in item]
            end_s = time.monotonic() + options.timeout_s
            for one in sent:
                self._wait(one, end_s)
        except (OSError, ValueError, RuntimeError, StreamdeqError) as error:
            self.close()  # what the client would still send by itself is given again
            raise StreamdeqError(f"cannot write to {options.label}: {error}; check the broker") from error

    def _wait(self, sent: Any, end_s: float) -> None:
        """For the broker's word, as long as there is a connection over which it may come."""
        while not sent.is_published():
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                raise StreamdeqError(f"{self._options.label} did not confirm within {self._options.timeout_s:g} s")
            if not self._client.is_connected():
                raise StreamdeqError("the connection was lost")
            sent.wait_for_publish(min(left_s, LOOK_S))

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(OSError, ValueError):
                client.disconnect()
            client.loop_stop()

    def _connected(self) -> Any:
        options, paho = self._options, self._paho
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        if self._user:
            client.username_pw_set(self._user, self._password or None)
        if options.tls:
            client.tls_set()
        answered = threading.Event()
        answers: list[Any] = []

        def on_connect(_client: Any, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
            answers.append(code)
            answered.set()

        client.on_connect = on_connect
        client.connect_timeout = options.timeout_s
        client.max_inflight_messages_set(0)  # as many as are given at once
        client.connect(options.host, options.port or (8883 if options.tls else 1883))
        client.loop_start()
        if not answered.wait(options.timeout_s) or answers[0].is_failure:
            client.loop_stop()
            raise StreamdeqError(f"no connection: {answers[0] if answers else 'it does not answer'}")
        return client
