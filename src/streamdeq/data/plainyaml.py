"""Of YAML what the files of data sets use: `key: value`, lists with `-` or `[a, b]`, `number: name`, comments.

Knows no data set. What is nested deeper is skipped; of a list of lists, `- - a`, the items are `- a` and what follows.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from streamdeq.data.classes import read_text
from streamdeq.errors import StreamdeqError


def entries(path: Path) -> Iterator[tuple[str, str]]:
    """(key, value) for every value; those of a list or of numbered names one by one, in order."""
    key = ""
    for number, raw in enumerate(read_text(path).splitlines(), start=1):
        line = re.sub(r"(^|\s)#.*$", "", raw).rstrip()
        if line.strip() in ("", "---", "..."):
            continue
        below = re.fullmatch(r"\s*-\s+(.+)|\s+\d+\s*:\s*(.+)", line)
        if below and key:
            yield key, _plain(below[1] or below[2])
            continue
        pair = re.fullmatch(r"([\w-]+)\s*:\s*(.*)", line)
        if pair is None:
            if line[0].isspace():
                continue  # something nested that nobody asks for
            raise StreamdeqError(f"expected 'key: value' in {path}, line {number}, got '{line[:60]}'; correct it")
        key = pair[1]
        listed = re.fullmatch(r"\[(.*)\]", pair[2])
        for value in listed[1].split(",") if listed else [pair[2]]:
            if value.strip():
                yield key, _plain(value)


def _plain(text: str) -> str:
    return text.strip().strip("'\"")
