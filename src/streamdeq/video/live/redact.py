"""Take passwords and tokens out of text.

In doubt it takes out too much: a label that says less is a nuisance, a password in a log is an accident.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

HIDDEN = "***"
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:/+[^\s'\"<>]+", re.IGNORECASE)
PARTS = re.compile(r"([^:]+:/+)(.*)", re.DOTALL)
# Names of query values that open doors. A word inside the name is enough ("apikey", "X-Amz-Signature").
SECRET_NAME = re.compile(
    r"pass|pwd|pw$|psw|token|secret|key|auth|sig|cred|session|sid$|user|usr|login|account|jwt|hash"
)
# What looks like a token whatever its name: long, letters and digits mixed.
SECRET_VALUE = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_\-+/=.~%]{16,}")
# Shorter secrets would be found in half of all words; inside addresses they are hidden all the same.
SHORTEST_SECRET = 4


def redacted(text: str) -> str:
    """`text` with what may be a secret taken out of every address in it."""
    return ADDRESS.sub(lambda match: redacted_address(match[0]), text)


def redacted_address(address: str) -> str:
    """One address as it may be shown: `rtsp://***@camera/live?token=***`."""
    match = PARTS.match(address)
    if match is None:
        return address
    scheme, rest = match.groups()
    # The last @ of all: passwords hold / and ? and @, although they should not.
    login, at, rest = rest.rpartition("@")
    where, *values = re.split("([?&;#])", rest)
    return scheme + (HIDDEN if login else "") + at + where + "".join(map(redacted_value, values))


def redacted_value(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if not equals:
        return HIDDEN if SECRET_VALUE.fullmatch(pair) else pair
    secret = SECRET_NAME.search(name.lower()) or SECRET_VALUE.fullmatch(value)
    return f"{name}={HIDDEN}" if secret and value else pair


class Redactor:
    """Takes the secrets of one address out of any text, also where they stand alone.

    Args:
        address: as the user wrote it.
        values: other secrets, such as the value of an HTTP header.
    """

    def __init__(self, address: str, values: tuple[str, ...] = ()) -> None:
        self._address = address
        self._label = redacted_address(address)
        found = {secret for secret in (*secrets_of(address), *values) if len(secret) >= SHORTEST_SECRET}
        self._secrets = sorted(found | {unquote(secret) for secret in found}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        text = text.replace(self._address, self._label)
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return redacted(text)


def secrets_of(address: str) -> list[str]:
    """The password and the secret query values in `address`."""
    match = PARTS.match(address)
    if match is None:
        return []
    login, _, rest = match[2].rpartition("@")
    pairs = [pair.partition("=") for pair in re.split("[?&;#]", rest)[1:]]
    values = [value for name, _, value in pairs if redacted_value(f"{name}={value}") != f"{name}={value}"]
    return [secret for secret in (login, login.partition(":")[2], *values) if secret]
