"""The first hour of docs/new-user.md, from an empty folder."""

import shutil
import sys
from pathlib import Path

import pytest
from support.browser import chromium
from support.markdown import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import new_user


def test_the_page_goes_from_installing_to_many_sources() -> None:
    headings = list(dict.fromkeys(step.heading for step in new_user.steps()))
    assert headings == [
        *("Install", "A demo", "Your own video", "Your own data", "Train", "Score and use it"),
        *("From Python", "The notebook", "Many sources"),
    ]


def test_what_was_kept_are_the_pages_commands() -> None:
    """Somebody who changes a command runs the tool again."""
    kept = sorted((ROOT / "docs" / "lab" / "new-user").glob("*.txt"))
    commands = [line[2:] for file in kept for line in file.read_text(encoding="utf-8").splitlines() if line[:2] == "$ "]
    assert sorted(commands) == sorted(step.command for step in new_user.steps())


@pytest.mark.slow
def test_every_step_of_the_page_works(tmp_path: Path) -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    with chromium(tmp_path / "browser", (1000, 700)) as browser:
        done = new_user.follow(tmp_path, new_user.looking(browser))
    assert [(step.command, said) for step, code, said in done if code != 0] == []
    assert {"your-own-video.png", "many-sources.png"} <= {path.name for path in tmp_path.glob("*.png")}
    made = ("seen/street.mp4", "people/street.json", "mine/street.mp4", "frame-30.png", "many/yard/yard.mp4")
    assert [name for name in made if not (tmp_path / "work" / name).is_file()] == []
