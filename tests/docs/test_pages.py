"""What the README and the pages say about files, commands and figures is so."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from support.markdown import PAGES, ROOT, blocks

sys.path.insert(0, str(ROOT / "tools"))
import readme_figures
import site_pages

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


def test_the_readmes_figures_are_those_of_the_measured_files() -> None:
    checked = [sys.executable, ROOT / "tools/readme_figures.py", "--check"]
    found = subprocess.run(checked, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", ""), "run: python tools/readme_figures.py"


def test_a_figure_that_was_typed_otherwise_is_written_as_measured() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for right, wrong in (("-->49.8 (48.3–51.0)<", "-->59.8 (48.3–51.0)<"), ("| 2 | 2 | 62.8 |", "| 2 | 2 | 72.8 |")):
        assert right in text
        assert readme_figures.filled(text.replace(right, wrong)) == text
    figure = "<!-- figure: camvid-s-val.json rows[mode=single{}].value .1f -->1<!-- /figure -->"
    with pytest.raises(ValueError, match="expected one entry with mode=single on the way"):
        readme_figures.filled(figure.format(""))
    with pytest.raises(ValueError, match="with all of its parts and its end"):
        readme_figures.filled("<!-- figure: camvid-s-val.json -->")


def test_no_figure_of_the_readme_is_typed() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## What recycling is worth") : text.index("## Train and extend")]
    section = re.sub(r"```.*?```|<!-- (figure|table):.*?<!-- /\1 -->", "", section, flags=re.DOTALL)
    assert "\n<!-- figure" not in text  # Markdown would end the paragraph there
    assert re.findall(r"\d+\.\d+|\d+ (?:%|ms|points|mIoU)", section) == []


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
