"""Logins and tokens that are not written in an address but named there: `${NAME}`, `${file:PATH}`."""

from __future__ import annotations

import os
import re
import stat
from urllib.parse import quote

from streamdeq.errors import StreamdeqError

NAMED = re.compile(r"\$\{([^{}]*)\}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: More than any password or token has.
LONGEST = 8192


def filled_in(address: str, label: str) -> tuple[str, tuple[str, ...]]:
    """`address` with what it names, and the values of that, as they are and as they stand in the address.

    `${NAME}` is a variable of the environment, `${file:PATH}` what is in a file, without the line's end. Either is
    taken as it is: what has a meaning in addresses is escaped.

    Args:
        label: the address as it may be shown.

    Raises:
        StreamdeqError: a variable is not set or a file cannot be read; without what was read.
    """
    values = {named: value_of(named, label) for named in dict.fromkeys(NAMED.findall(address))}
    text = NAMED.sub(lambda match: quote(values[match[1]], safe=""), address)
    return text, tuple(form for value in values.values() for form in (value, quote(value, safe="")))


def named_values(text: str, label: str) -> str:
    """`text`, which is no address, with the values of what it names in it, as they are; otherwise as `filled_in`."""
    return NAMED.sub(lambda match: value_of(match[1], label), text)


def value_of(named: str, label: str) -> str:
    if named.startswith("file:"):
        value = content(named.removeprefix("file:"), label)
        empty = f"{named.removeprefix('file:')} is empty: write it there"
    elif VARIABLE.fullmatch(named):
        value = os.environ.get(named, "")
        empty = f"{named} is not set in the environment: set it"
    else:
        raise StreamdeqError(f"cannot read {label}: expected ${{NAME}} or ${{file:PATH}}, got ${{{named}}}")
    if not value:
        raise StreamdeqError(f"cannot read {label}: {empty}, or leave ${{{named}}} out")
    return value


def content(path: str, label: str) -> str:
    try:
        file = os.open(os.path.expanduser(path), os.O_RDONLY | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise StreamdeqError(f"cannot read {label}: {path} is no regular file; give one")
            read = os.read(file, LONGEST + 1)
        finally:
            os.close(file)
    except OSError as error:
        raise StreamdeqError(f"cannot read {label}: {path}: {error.strerror}; check its path and rights") from error
    text = read.decode(errors="replace").removesuffix("\n").removesuffix("\r")
    if len(read) > LONGEST or not text.isprintable():
        raise StreamdeqError(f"cannot read {label}: expected one short line in {path}; write only the secret there")
    return text
