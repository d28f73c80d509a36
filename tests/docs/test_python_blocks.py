"""Every Python block of the README and the pages runs, a page's blocks one after another, on the packaged weights."""

from pathlib import Path

import pytest
from PIL import Image
from support.making_videos import picture, write_video
from support.markdown import PAGES, ROOT, blocks

SIZE_HW = (96, 128)


def python_of(page: Path) -> str:
    """The page's Python at its own line numbers, so that a traceback names the page's line."""
    lines: list[str] = []
    for block in blocks(page):
        if block.language == "python" and not block.title:
            lines += [""] * (block.line - 1 - len(lines)) + block.text.splitlines()
    return "\n".join(lines)


PYTHON = {str(page.relative_to(ROOT)): source for page in PAGES if (source := python_of(page))}


def test_the_pages_that_show_python_are_found() -> None:
    assert {"README.md", "docs/python.md", "docs/detection.md", "docs/pose.md"} <= PYTHON.keys()


@pytest.mark.parametrize("page", PYTHON)
def test_python_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for film in ("street.mp4", "cam01.mp4"):
        write_video(tmp_path / film, 2, size_hw=SIZE_HW)
    Image.fromarray(picture(0, SIZE_HW)).save(tmp_path / "street.png")
    monkeypatch.chdir(tmp_path)
    exec(compile(PYTHON[page], page, "exec"), {"__name__": "page"})
