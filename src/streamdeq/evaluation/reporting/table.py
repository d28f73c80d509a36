"""Tables of strings as a terminal or a README shows them, and reports as files."""

import json
import os
from collections.abc import Mapping, Sequence
from html import escape
from itertools import chain
from pathlib import Path
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path, ensure_folder

#: The lines of a table, its heading first, or of a paragraph.
Cells = list[str]
Lines = Sequence[str]


class Text:
    """For a terminal. `best` marks the best of several figures, and `legend` explains the mark."""

    best, legend = "{}*", "  (* the best)"

    def table(self, cells: Sequence[Cells]) -> Lines:
        """Lines of a table, its heading first; columns of names to the left, of numbers to the right."""
        columns = list(zip(*cells, strict=True))
        signs = ["<" if _names(column) else ">" for column in columns]
        forms = [f"{{:{sign}{max(map(len, column))}}}" for sign, column in zip(signs, columns, strict=True)]
        return ["  ".join(f.format(cell) for f, cell in zip(forms, line, strict=True)).rstrip() for line in cells]

    def page(self, title: str, blocks: Sequence[Lines], notes: Lines) -> str:
        """Tables and lines of text with what has to be known about them."""
        return "\n\n".join("\n".join(block) for block in ([title] if title else [], *blocks, notes) if block)


class Markdown:
    """For a README. As `Text`."""

    best, legend = "**{}**", ""

    def table(self, cells: Sequence[Cells]) -> Lines:
        heading, *rest = cells
        rule = ["---" if _names(column) else "---:" for column in zip(*cells, strict=True)]
        return [f"| {' | '.join(line)} |" for line in (heading, rule, *rest)]

    def page(self, title: str, blocks: Sequence[Lines], notes: Lines) -> str:
        below = [title, *notes] if title else [" ".join(notes)]
        return "\n\n".join(["\n".join(block) for block in blocks if block] + below)


class Html:
    """For a page. As `Text`."""

    best, legend = "<b>{}</b>", ""

    def table(self, cells: Sequence[Cells]) -> Lines:
        heading, *rest = cells
        kinds = ["" if _names(column) else ' class="number"' for column in zip(*cells, strict=True)]

        def row(line: Cells, tag: str) -> str:
            parts = (f"<{tag}{kind}>{escape(cell)}</{tag}>" for cell, kind in zip(line, kinds, strict=True))
            return f"<tr>{''.join(parts)}</tr>"

        return ["<div class=table><table>", row(heading, "th"), *(row(line, "td") for line in rest), "</table></div>"]

    def page(self, title: str, blocks: Sequence[Lines], notes: Lines) -> str:
        """`title` and `notes` are plain text, `blocks` are not escaped."""
        above = [f"<p>{escape(title)}</p>"] if title else []
        return "\n".join([*above, *chain.from_iterable(blocks), *(f"<p class=note>{escape(one)}</p>" for one in notes)])


Style = Text | Markdown | Html


def write_json(report: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """The file, whole or not at all."""
    with atomic_path(path) as part:
        part.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raises StreamdeqError if `path` cannot be written: to be asked before minutes of work, not after."""
    if Path(path).is_dir():
        raise StreamdeqError(f"cannot write {path}: it is a folder; give the name of a file")
    ensure_folder(Path(path).parent)


def _names(column: Sequence[str]) -> bool:
    """Whether a column, its heading first, holds names."""
    return any(cell[:1].isalpha() for cell in column[1:])
