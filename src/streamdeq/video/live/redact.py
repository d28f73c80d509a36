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
# What may be shown of a path: a short name, such as "live", "ch01", "index.m3u8".
SHORT_NAME = re.compile(r"[A-Za-z][A-Za-z_-]{0,15}[0-9]{0,3}(\.[A-Za-z0-9]{1,5})?")
HARMLESS = ("listen", "listen=1")  # what this package makes of "?listen"
# Shorter secrets would be found in half of all words; inside addresses they are hidden all the same.
SHORTEST_SECRET = 4


def redacted(text: str) -> str:
    """`text` with what may be a secret taken out of every address in it."""
    return ADDRESS.sub(lambda match: redacted_address(match[0]), text)


def redacted_address(address: str) -> str:
    """One address as it may be shown, its host and a short name: `rtsp://***@camera/…/live?***`.

    Cameras take passwords in every place: before the host, in the path, under any name in the query.
    """
    match = PARTS.match(address)
    if match is None:
        return address
    scheme, rest = match.groups()
    # The last @ of all: passwords hold / and ? and @, although they should not.
    login, at, rest = rest.rpartition("@")
    where, sign, query = split_query(rest)
    asked = sign + (query if query in HARMLESS else HIDDEN) if query else ""
    return scheme + (HIDDEN if login else "") + at + short_path(where) + asked


def split_query(rest: str) -> tuple[str, str, str]:
    """Host and path, the sign after them, and what follows it."""
    where, *after = re.split("([?&;#])", rest, maxsplit=1)
    return (where, *after) if after else (where, "", "")  # type: ignore[return-value]


def short_path(where: str) -> str:
    """Host, and the last part of the path where that is a short name."""
    host, slash, path = where.partition("/")
    folder, _, name = path.rpartition("/")
    if not path:
        return host + slash
    shown = name if may_be_shown(name) else HIDDEN if name else ""
    return f"{host}/{'…/' if folder else ''}{shown}"


def may_be_shown(name: str) -> bool:
    return SHORT_NAME.fullmatch(name) is not None and SECRET_NAME.search(name.lower()) is None


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
    """What is not shown of `address`, in its parts: login, path, query."""
    match = PARTS.match(address)
    if match is None:
        return []
    login, _, rest = match[2].rpartition("@")
    where, _, query = split_query(rest)
    # A folder called "auth" is none itself, and stands in "Unauthorized".
    hidden = [part for part in where.split("/")[1:] if not (may_be_shown(part) or SECRET_NAME.fullmatch(part.lower()))]
    pairs = re.split("[?&;#]", query) if query not in HARMLESS else []
    values = [pair.partition("=")[2] or pair for pair in pairs]
    # "user=admin_password=hunter2": what stands between the signs, too.
    pieces = [piece for part in hidden for piece in re.split("[=_&;,!]", part) if not SECRET_NAME.search(piece.lower())]
    return [secret for secret in (login, login.partition(":")[2], *values, *hidden, *pieces) if secret]
