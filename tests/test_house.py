"""The house's own rules: what every file must be, whatever room it is in."""

import ast
import re
import subprocess
import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest

import streamdeq

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "src" / "streamdeq").rglob("*.py"))
PYTHON_FILES = [*SOURCES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "tools").rglob("*.py"))]
PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"}
VIDEOS = {".mp4", ".avi", ".mkv", ".mov", ".webm", ".ts"}
MEGABYTE = 1_000_000


def repository_files() -> list[Path]:
    """What git would carry: tracked, and new but not ignored."""
    # A checkout that belongs to somebody else (root in a container) is as good as ours.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def relative(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def room(source: Path) -> str:
    return source.relative_to(ROOT / "src" / "streamdeq").parts[0]


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def calls(module: ast.Module) -> set[str]:
    """Names of everything called: `print(…)` is `print`, `x.item()` is `.item`."""
    called = [node.func for node in ast.walk(module) if isinstance(node, ast.Call)]
    names = {function.id for function in called if isinstance(function, ast.Name)}
    return names | {f".{function.attr}" for function in called if isinstance(function, ast.Attribute)}


def first_group(pattern: str, file: str) -> str:
    found = re.search(pattern, (ROOT / file).read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert found is not None, f"{file} says no version"
    return found.group(1)


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert streamdeq.__version__ == project["version"]
    assert first_group(r"^version: (\S+)$", "CITATION.cff") == project["version"]
    assert first_group(r"^## (\d\S*)", "CHANGELOG.md") == project["version"]


def test_no_file_is_bigger_than_seven_megabytes() -> None:
    assert relative([path for path in repository_files() if path.stat().st_size > 7 * MEGABYTE]) == []


def test_pictures_and_videos_stay_out_of_the_repository_except_the_ones_we_drew_for_the_docs() -> None:
    media = [path for path in repository_files() if path.suffix.lower() in PICTURES | VIDEOS]
    assert relative([path for path in media if not path.is_relative_to(ROOT / "docs")]) == []


def test_no_lock_file_is_in_the_repository() -> None:
    assert relative([path for path in repository_files() if path.suffix == ".lock"]) == []


def test_every_module_says_what_it_is() -> None:
    silent = [path for path in PYTHON_FILES if (module := tree(path)).body and not ast.get_docstring(module)]
    assert relative(silent) == []


def test_no_source_file_is_longer_than_350_lines() -> None:
    long = [path for path in SOURCES if len(path.read_text(encoding="utf-8").splitlines()) > 350]
    assert relative(long) == []


def test_no_function_of_the_source_is_longer_than_60_lines() -> None:
    functions = [
        (path.name, node.name, (node.end_lineno or 0) - node.lineno + 1)
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [function for function in functions if function[2] > 60] == []


def test_only_the_command_line_prints() -> None:
    elsewhere = [path for path in SOURCES if room(path) != "cli"]
    assert relative([path for path in elsewhere if "print" in calls(tree(path))]) == []


def test_solvers_and_streaming_never_read_the_device_by_item() -> None:
    hot = [path for path in SOURCES if room(path) in ("solvers", "streaming")]
    assert relative([path for path in hot if ".item" in calls(tree(path))]) == []


def test_nothing_is_evaluated_from_text_and_nothing_is_asked_by_hasattr() -> None:
    assert relative([path for path in SOURCES if {"eval", "exec", "hasattr"} & calls(tree(path))]) == []


def test_no_source_file_uses_global_state() -> None:
    using = [path for path in SOURCES if any(isinstance(node, ast.Global) for node in ast.walk(tree(path)))]
    assert relative(using) == []


@pytest.mark.parametrize(("contract", "may"), [("av", "video"), ("terminal", "cli")])
def test_what_one_room_alone_may_import_is_forbidden_to_every_other(contract: str, may: str) -> None:
    walls = ConfigParser()
    walls.read(ROOT / ".importlinter")
    forbidden_to = set(walls[f"importlinter:contract:{contract}"]["source_modules"].split())
    rooms = {room(path).removesuffix(".py") for path in SOURCES} - {"__init__", may}
    assert forbidden_to == {f"streamdeq.{name}" for name in rooms}
