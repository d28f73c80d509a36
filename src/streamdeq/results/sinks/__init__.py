"""Where records go, by name: `sqlite:PATH`, `mqtt://HOST/TOPIC`, or the same as a mapping with `kind`."""

from collections.abc import Mapping
from typing import Any

from streamdeq.codec import from_plain
from streamdeq.errors import StreamdeqError
from streamdeq.results.sinks.base import SINKS, SinkOptions
from streamdeq.results.sinks.jsonl import JsonLines
from streamdeq.results.sinks.mqtt import Mqtt
from streamdeq.results.sinks.parquet import Parquet
from streamdeq.results.sinks.sqlite import Sqlite
from streamdeq.results.sinks.webhook import Webhook

__all__ = ["SINKS", "SinkOptions", "read_sink"]

OURS = {"jsonl": JsonLines, "mqtt": Mqtt, "parquet": Parquet, "sqlite": Sqlite, "webhook": Webhook}
for _name, _kind in OURS.items():
    SINKS.register(_name)(_kind)
SCHEMES = {"mqtt": "mqtt", "mqtts": "mqtt", "http": "webhook", "https": "webhook"}


def read_sink(given: str | Mapping[str, Any]) -> SinkOptions:
    """The options of a sink.

    Args:
        given: `KIND:PLACE`, an mqtt(s) or http(s) address, or a mapping of the options with the sink's `kind`.

    Raises:
        StreamdeqError: no such kind, no such option, or one that is wrong.
    """
    if isinstance(given, str):
        scheme, colon, place = given.partition(":")
        if not colon or not place:
            raise StreamdeqError(
                f"expected KIND:PLACE or an address to write records to, got '{given}' (kinds: {', '.join(SINKS)})"
            )
        return SINKS[SCHEMES.get(scheme, scheme)].at(given if scheme in SCHEMES else place)
    plain = dict(given)
    kind = plain.pop("kind", None)
    if kind is None:
        raise StreamdeqError(f"a sink lacks the entry 'kind' (kinds: {', '.join(SINKS)})")
    return from_plain(SINKS[kind], plain, f"option of the sink {kind}")
