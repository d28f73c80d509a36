"""Tables of the documentation: the JSON that `eval`, `compare` and `reproduce variants` write, as Markdown."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NOTHING = "–"


def table(path: Path, **where: Any) -> str:
    """The table of one file and, below it, what was measured on what and when; `where`: the differences between ways of
    training that are so."""
    measured = json.loads(path.read_text(encoding="utf-8"))
    if measured["format"].startswith("streamdeq-figure"):
        return "\n".join(_ways(measured, where))
    if measured["format"].startswith("streamdeq-compare"):
        lines, about = compared(measured["comparison"]), _compared_about(measured)
    else:
        lines, about = streamed(measured["rows"]), _streamed_about(measured)
    return "\n".join([*piped(lines), "", f"{about} {_place(measured['header'])}"])


def streamed(rows: Sequence[dict[str, Any]], *, intervals: bool = True) -> list[list[str]]:
    """Of `eval`: a line per number of iterations, a column per offset since the start from zeros."""
    written = ("value", "low", "high") if intervals else ("value",)
    streaming = {(row["iterations"], row["offset"]): row for row in rows if row["mode"] == "streaming"}
    single = {row["iterations"]: row for row in rows if row["mode"] == "single"}
    offsets = sorted({offset for _, offset in streaming})
    heading = ["iterations", "NFE", "from scratch", *(f"+{offset}" for offset in offsets), f"gain at +{offsets[-1]}"]
    lines = [heading]
    for count in dict.fromkeys(iterations for iterations, _ in streaming):
        along = [single[count], *(streaming[count, offset] for offset in offsets)]
        gain = f"{_sign(along[0]) * (along[-1]['value'] - along[0]['value']):+.1f}"
        lines.append([str(count), str(along[0]["nfe"]), *(_points(*map(row.get, written)) for row in along), gain])
    return lines


def compared(comparison: dict[str, Any]) -> list[list[str]]:
    """Of `compare`: a line per model and number of iterations."""
    flickers = any(line["flicker"] is not None for entry in comparison["entries"] for line in entry["lines"])
    heading = ["model", "trained", "single frame", "iterations", "NFE", "ms", f"streaming, +{comparison['offset']}"]
    lines = [heading + ["from scratch"] + ["flicker"] * flickers]
    for entry in comparison["entries"]:
        for number, line in enumerate(entry["lines"]):
            first = _trained(entry) if number == 0 else ["", "", ""]
            counted = [str(line["iterations"]), str(line["nfe"] or NOTHING), f"{line['ms']:.1f}"]
            figures = [figure(line["streaming"]), figure(line["scratch"])]
            flicker = [NOTHING if line["flicker"] is None else f"{line['flicker']:.2f} %"] * flickers
            lines.append([*first, *counted, *figures, *flicker])
    return lines


def _ways(measured: dict[str, Any], where: dict[str, Any]) -> list[str]:
    """Of `reproduce variants`: the scores with what they were measured on; or the differences `where` (kind=…)."""
    from streamdeq.evaluation.reproduce.variants import difference_cells, score_cells

    if where:
        return piped(difference_cells(measured, **where))
    trained = ", ".join(f"{name} {count}" for name, count in measured["seeds"].items())
    about = (
        f"{measured['metric']} in points over the same {measured['frames']} frames; mean over the seeds (95 % paired "
        f"bootstrap interval) [each seed]. Seeds: {trained}."
    )
    return [*piped(score_cells(measured)), "", f"{about} {_place(measured['header'])}"]


def piped(lines: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table; the first line is the heading, columns of names stand to the left."""
    heading, *rest = lines
    rule = [
        "---" if any(cell.strip("`")[:1].isalpha() for cell in column[1:]) else "---:"
        for column in zip(*lines, strict=True)
    ]
    return [f"| {' | '.join(line)} |" for line in (heading, rule, *rest)]


def _trained(entry: dict[str, Any]) -> list[str]:
    trained = f"{entry['seconds'] / 60:.0f} min, {entry['steps']} steps" if entry["seconds"] else NOTHING
    at = f" at {entry['best']}" if any(line["nfe"] for line in entry["lines"]) else ""
    return [f"{entry['name']} ({entry['parameters'] / 1e6:.1f} M)", trained, figure(entry["single"]) + at]


def figure(measured: dict[str, Any] | None) -> str:
    """A value and, where there is one, its interval."""
    return NOTHING if measured is None else _points(measured["value"], **(measured["interval"] or {}))


def _points(value: float | None, low: float | None = None, high: float | None = None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.1f}" if low is None or high is None else f"{value:.1f} ({low:.1f}–{high:.1f})"


def _sign(row: dict[str, Any]) -> int:
    """-1 for errors, of which less is better."""
    return -1 if row.get("error") else 1


def _streamed_about(measured: dict[str, Any]) -> str:
    single = [row for row in measured["rows"] if row["mode"] == "single"]
    best = max(single, key=lambda row: (_sign(row) * row["value"], -row["iterations"]))
    return (
        f"{best['metric']} in points over the same {best['frames']} frames; best single frame from zeros "
        f"{_points(best['value'], best.get('low'), best.get('high'))} at {best['iterations']} iterations."
    )


def _compared_about(measured: dict[str, Any]) -> str:
    comparison = measured["comparison"]
    return (
        f"{comparison['metric']} in points over the same {comparison['frames']} frames; in brackets 95 % bootstrap "
        f"intervals (blocks of {comparison['block']} frames); ms: median per frame, picture to answer."
    )


def _place(header: dict[str, Any]) -> str:
    """On what it was measured. Files measured elsewhere than on a commit of this repository say none."""
    data = Path(header["data"]).name
    commit = f", commit {header['commit']}" if header["commit"] else ""
    threads = f"{header['threads']} thread{'s' * (header['threads'] > 1)}"
    return f"Data {data}, {header['split']}; {header['machine']}, {threads}{commit}, {header['time_utc'][:10]}."
