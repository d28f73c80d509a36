"""The page that compares: every yes of ours names a test that is there, every no says why."""

import ast
import re
from functools import cache

import pytest
from support.markdown import ROOT

PAGE = ROOT / "docs" / "compared.md"
ROWS = [
    cells
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 6
    and not set(line) <= set("|-")
    and cells[0] != "what"
]


@cache
def functions(file: str) -> set[str]:
    """Of a file of tests."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_tables_are_found() -> None:
    assert len(ROWS) > 50


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_yes_names_its_test_and_a_no_its_reason(row: list[str]) -> None:
    _, ours, *_, proof = row
    tests = re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", proof)
    if re.match(r"yes\b", ours):
        assert tests
        assert [(file, name) for file, name in tests if name not in {"", *functions(file)}] == []
    else:
        assert ours == "no"
        assert len(proof.split()) >= 4
        assert tests == []
