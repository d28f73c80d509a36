"""The notebook runs, its stored outputs are what it gives, and it is small enough to keep.

Its cells are plain Python, so that they are run without Jupyter: a cell's last expression is what it shows.
"""

import ast
import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from support.markdown import ROOT

NOTEBOOK = ROOT / "examples" / "streamdeq.ipynb"
CELLS = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def run(source: str, namespace: dict[str, Any]) -> tuple[str, Any]:
    """What a cell prints, and the value of its last expression."""
    tree, shown = ast.parse(source), None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, str(NOTEBOOK), "exec"), namespace)
        if last is not None:
            assert isinstance(last, ast.Expr)
            shown = eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), namespace)
    return printed.getvalue(), shown


def stored(cell: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [output for output in cell["outputs"] if output["output_type"] == kind]


def test_it_is_small_and_was_executed_from_top_to_bottom_without_an_error() -> None:
    assert NOTEBOOK.stat().st_size < 500_000
    assert [cell["execution_count"] for cell in CELLS] == list(range(1, len(CELLS) + 1))
    kinds = {output["output_type"] for cell in CELLS for output in cell["outputs"]}
    assert kinds <= {"stream", "execute_result"}
    assert {output["name"] for cell in CELLS for output in stored(cell, "stream")} == {"stdout"}


def test_its_cells_run_and_show_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "notebook"}
    for cell in CELLS:
        printed, shown = run("".join(cell["source"]), namespace)
        kept = "".join(line for output in stored(cell, "stream") for line in output["text"])
        # Another processor computes in other precision: the figures differ a little, and what fits into a budget.
        assert len(printed.splitlines()) == len(kept.splitlines()), cell["source"]
        pictures = [output for output in stored(cell, "execute_result") if "image/png" in output["data"]]
        assert bool(pictures) is (shown is not None and shown._repr_png_() is not None)
