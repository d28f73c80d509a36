"""What the README and the pages say about files, commands and figures is so."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from support.markdown import PAGES, ROOT, blocks

sys.path.insert(0, str(ROOT / "tools"))
import site_pages
import site_tables

COMMAND = re.compile(
    r"^(?:torchrun .*--no-python )?streamdeq (bench cameras|data prepare|[a-z]+)((?:[^#\n\\]|\\\n)*)",
    flags=re.MULTILINE,
)
#: Paths of this repository, as the text names them; what the reader is to make (DIR, runs/…) is none.
REPOSITORY_PATH = re.compile(r"(?<![\w./-])(?:docs|tests|tools|src)/[\w./*-]*[\w*/]")


@cache
def options_of(command: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", site_pages.help_of(*command.split())))


def shell_of(page: Path) -> str:
    return "\n".join(block.text for block in blocks(page) if block.language == "bash")


def test_the_readme_has_at_most_150_lines() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_readmes_table_is_that_of_the_measured_file() -> None:
    measured = json.loads((ROOT / "docs/lab/eval/camvid-s-val.json").read_text(encoding="utf-8"))
    table = "\n".join(site_tables.piped(site_tables.streamed(measured["rows"], intervals=False)))
    assert table in (ROOT / "README.md").read_text(encoding="utf-8")


def test_llms_txt_is_current() -> None:
    assert site_pages.LLMS.read_text(encoding="utf-8") == site_pages.llms(site=False), "run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [name for name in REPOSITORY_PATH.findall(text) if not any(ROOT.glob(name.rstrip("/")))]
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose) if link not in site_pages.GENERATED]
    missing += [link for link in links if not (page.parent / link).exists()]
    modules = re.findall(r"`((?:\w+/)+\w+\.py)(?:: \w+)?`", text)
    missing += [name for name in modules if not (ROOT / name).exists() and not (ROOT / "src/streamdeq" / name).exists()]
    assert missing == []


@pytest.mark.parametrize("page", [page for page in PAGES if COMMAND.search(shell_of(page))], ids=lambda page: page.name)
def test_commands_of_a_page_have_the_options_it_gives_them(page: Path) -> None:
    unknown = [
        (command, option)
        for command, rest in COMMAND.findall(shell_of(page))
        for option in re.findall(r"(?<!\S)--?[a-z][a-z-]*", rest)
        if option not in options_of(command)
    ]
    assert unknown == []


def test_the_site_is_built_strictly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stdout) == (0, ""), built.stderr
    fetched = [
        address
        for page in tmp_path.rglob("*.html")
        for address in re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="(https?://[^"]+)"', page.read_text("utf-8"))
    ]
    assert fetched == []  # a reader needs no network


def test_every_room_of_the_source_is_in_the_table_of_rooms() -> None:
    table = re.findall(r"^\| (`[^|]+) \|", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    named = {name for cell in table for name in re.findall(r"`(\w+)`", cell)}
    inside = (ROOT / "src" / "streamdeq").iterdir()
    rooms = {path.stem for path in inside if not path.name.startswith("__") and path.name != "py.typed"}
    assert named == rooms
