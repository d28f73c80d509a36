"""The figures of README.md, filled from the JSON that `eval` and `compare` wrote, so that none is typed.

    .venv/bin/python tools/readme_figures.py            # writes them into README.md
    .venv/bin/python tools/readme_figures.py --check    # shows what differs, and fails where anything does

Between comments, which nobody sees on the rendered page, in docs/lab/eval:

    <!-- figure: FILE.json PLACE [- PLACE] FORMAT -->63.5<!-- /figure -->
    <!-- table: FILE.json -->…<!-- /table -->

A PLACE is keys with points between them, and of a list the one entry with these values:
`rows[mode=single,iterations=1].value`. FORMAT is Python's (`.1f`), or `interval`: of an object with value and interval.
"""

import difflib
import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

from site_tables import figure, piped, streamed

ROOT = Path(__file__).resolve().parent.parent
README, MEASURED = ROOT / "README.md", ROOT / "docs/lab/eval"

_FIGURE = re.compile(r"(<!-- figure: (\S+\.json) (\S+)(?: - (\S+))? (\S+) -->).*?(<!-- /figure -->)", re.DOTALL)
_TABLE = re.compile(r"(<!-- table: (\S+\.json) -->\n).*?(<!-- /table -->)", re.DOTALL)
_STEP = re.compile(r"(\w+)(?:\[([^\]]+)\])?(?:\.|$)")


def filled(text: str) -> str:
    """`text` with every figure and table as measured.

    Raises:
        ValueError: a marker that is none, or a place that is not in its file.
    """
    for kind, pattern in (("figure", _FIGURE), ("table", _TABLE)):
        if text.count(f"<!-- {kind}:") != len(pattern.findall(text)):
            raise ValueError(f"README.md: expected every '<!-- {kind}: … -->' with all of its parts and its end")
    text = _FIGURE.sub(lambda found: f"{found[1]}{_written(*found.group(2, 3, 4, 5))}{found[6]}", text)
    return _TABLE.sub(lambda found: f"{found[1]}{_tabled(found[2])}\n{found[3]}", text)


def _written(file: str, place: str, less: str | None, form: str) -> str:
    value = at(_measured(file), place, file)
    if form == "interval":
        return figure(value)
    return format(value if less is None else value - at(_measured(file), less, file), form)


def _tabled(file: str) -> str:
    return "\n".join(piped(streamed(_measured(file)["rows"], intervals=False)))


def at(whole: Any, place: str, file: str) -> Any:
    """What stands at a place; ValueError where nothing does, or more than one."""
    rest = place
    while rest:
        step = _STEP.match(rest)
        if step is None:
            raise ValueError(f"README.md: expected keys with points between them, got '{place}'")
        if not isinstance(whole, dict) or step[1] not in whole:
            raise ValueError(f"{file}: no '{step[1]}' on the way to {place}")
        whole, rest = whole[step[1]], rest[step.end() :]
        if step[2]:
            wanted = dict(pair.split("=", 1) for pair in step[2].split(","))
            fits = [one for one in whole if all(str(one.get(key)) == value for key, value in wanted.items())]
            if len(fits) != 1:
                raise ValueError(f"{file}: expected one entry with {step[2]} on the way to {place}, found {len(fits)}")
            whole = fits[0]
    return whole


@cache
def _measured(file: str) -> Any:
    return json.loads((MEASURED / file).read_text(encoding="utf-8"))


def main() -> int:
    text = README.read_text(encoding="utf-8")
    right = filled(text)
    if "--check" not in sys.argv[1:]:
        README.write_text(right, encoding="utf-8")
        return 0
    for line in difflib.unified_diff(text.split("\n"), right.split("\n"), "README.md", "as measured", lineterm="", n=0):
        print(line)
    return int(text != right)


if __name__ == "__main__":
    sys.exit(main())
