"""Every Python block of the README and the pages runs, a page's blocks one after another, on the packaged weights."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.making_videos import picture, write_video
from support.markdown import PAGES, ROOT, blocks

from streamdeq.registry import Registry

SIZE_HW = (96, 128)


def python_of(page: Path) -> str:
    """The page's Python at its own line numbers, so that a traceback names the page's line."""
    lines: list[str] = []
    for block in blocks(page):
        if block.language == "python" and not block.title:
            lines += [""] * (block.line - 1 - len(lines)) + block.text.splitlines()
    return "\n".join(lines)


PYTHON = {str(page.relative_to(ROOT)): source for page in PAGES if (source := python_of(page))}


@pytest.fixture
def registered_for_a_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a page registers is taken out again: later tests of this process see the program's own choices."""
    register, made = Registry.register, list[tuple[Registry[Any], str]]()

    def remembered(registry: Registry[Any], name: str) -> Any:
        # By itself or by `streamdeq.register`; a room that is imported for the first time meanwhile keeps its own.
        if "page" in {sys._getframe(n).f_globals.get("__name__") for n in (1, 2)}:
            made.append((registry, name))
        return register(registry, name)

    monkeypatch.setattr(Registry, "register", remembered)
    yield
    for registry, name in made:
        del registry._items[name]


def test_the_pages_that_show_python_are_found() -> None:
    assert {"README.md", "docs/python.md", "docs/detection.md", "docs/pose.md"} <= PYTHON.keys()


@pytest.mark.usefixtures("registered_for_a_page")
@pytest.mark.parametrize("page", PYTHON)
def test_python_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for film in ("street.mp4", "cam01.mp4"):
        write_video(tmp_path / film, 2, size_hw=SIZE_HW)
    Image.fromarray(picture(0, SIZE_HW)).save(tmp_path / "street.png")
    monkeypatch.chdir(tmp_path)
    exec(compile(PYTHON[page], page, "exec"), {"__name__": "page"})
