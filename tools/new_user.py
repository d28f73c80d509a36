"""Follow docs/new-user.md as somebody new would, in an empty folder, and keep what is seen: text, and browser's pages.

.venv/bin/python tools/new_user.py FOLDER [--keep docs/lab/new-user]

The environment is a new one, into which the page's own `pip install` puts the package from a clone of this repository;
what the package needs is seen from the environment that runs this, so that nothing is downloaded. Pages are taken by
Chromium where it is installed. A command that is not there (jupyter) is passed over, and that is told.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]
from support.browser import chromium  # noqa: E402
from support.making_videos import write_video  # noqa: E402
from support.markdown import blocks  # noqa: E402

PAGE = ROOT / "docs" / "new-user.md"
ADDRESS = re.compile(r"http://[\w.:\[\]-]+/\S*token=[\w-]+")
#: Takes the picture of an address, into a file.
Camera = Callable[[str, Path], None]


@dataclass(frozen=True)
class Step:
    """A command line of the page, below its heading."""

    heading: str
    command: str

    @property
    def shows(self) -> bool:
        """Whether it serves a page while it runs."""
        return "--view" in self.command or "streamdeq serve" in self.command


def steps() -> list[Step]:
    """The page's commands in their order."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    found = []
    for block in blocks(PAGE):
        heading = next(line[3:] for line in reversed(lines[: block.line]) if line.startswith("## "))
        if block.language == "bash":
            found += [Step(heading, command) for command in block.text.splitlines() if command]
    return found


def environment(folder: Path) -> dict[str, str]:
    """The variables of a shell in which a fresh environment is active; what this one has installed is seen there."""
    venv.create(folder, with_pip=False)
    purelib = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    seen = [entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    Path(purelib, "seen.pth").write_text("\n".join(seen) + "\n", encoding="utf-8")
    # What an installer would have written, had it installed these here.
    for name, entry in (("pip", "pip._internal.cli.main"), ("jupyter-nbconvert", "nbconvert.nbconvertapp")):
        script = folder / "bin" / name
        script.write_text(f"#!{folder}/bin/python\nfrom {entry} import main\nraise SystemExit(main())\n")
        script.chmod(0o755)
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_DEPS": "1"}
    plain = {"COLUMNS": "110", "NO_COLOR": "1", "PYTHONPATH": "", "VIRTUAL_ENV": str(folder)}
    plain["JUPYTER_PATH"] = f"{sys.prefix}/share/jupyter"
    return {**os.environ, **offline, **plain, "PATH": path}


def follow(folder: Path, camera: Camera | None) -> list[tuple[Step, int, str]]:
    """Every step with its exit code and what it said; pages' pictures go into `folder`, named as the headings"""
    variables = environment(folder / ".environment")
    place = folder / "work"
    place.mkdir()
    for block in blocks(PAGE):
        if block.title:
            (place / block.title).write_text(block.text, encoding="utf-8")
    for seed, name in enumerate(("street.mp4", "yard.mp4")):
        film(place / name, seed)
    done = []
    for step in steps():
        if "nbconvert" in step.command and not all(map(find_spec, ("nbconvert", "ipykernel"))):
            done.append((step, 0, "(passed over: no jupyter here)\n"))
            continue
        command = step.command.replace("REPOSITORY", f"--quiet {ROOT}")
        picture = folder / f"{named(step.heading)}.png"
        code, said = run(command, place, variables, picture if step.shows else None, camera)
        if camera is not None and "--to html" in command and code == 0:
            camera((place / "streamdeq.html").as_uri(), picture)
        said = said.replace(str(folder), "~").replace(str(ROOT), "REPOSITORY")
        done.append((step, code, re.sub(r"(?<=token=)[\w-]+", "…", said)))
    return done


def named(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def film(path: Path, seed: int) -> None:
    """A film of the rendered street, as somebody's own."""
    from streamdeq.data.open import open_dataset

    [clip] = open_dataset(f"synthetic:seed={seed},clips=1,frames=40,size=192x256", "val").clips
    write_video(path, len(clip), size_hw=(192, 256), draw=lambda number, size_hw: clip.image(number))


def run(
    command: str, place: Path, variables: dict[str, str], picture: Path | None, camera: Camera | None
) -> tuple[int, str]:
    """Exit code and output of one command. One with a page is looked at; a server is ended by Ctrl-C then."""
    process = subprocess.Popen(
        ["bash", "-c", command], cwd=place, env=variables, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if picture is not None and (address := ADDRESS.search(line)):
            if camera is not None:
                camera(address[0], picture)
            if "serve" in command:
                os.killpg(process.pid, signal.SIGINT)
            picture = None
    return process.wait(), "".join(said)


def looking(browser: Any) -> Camera:
    """Takes pictures of pages a few seconds after they are opened."""

    def take(address: str, picture: Path) -> None:
        browser.get(address)
        time.sleep(4)
        browser.save_screenshot(str(picture))

    return take


def keep(done: list[tuple[Step, int, str]], folder: Path, to: Path) -> None:
    """A text for each heading of the page, and the pictures of pages."""
    to.mkdir(parents=True, exist_ok=True)
    headings = list(dict.fromkeys(step.heading for step, _, _ in done))
    for number, heading in enumerate(headings, start=1):
        text = "".join(f"$ {step.command}\n{said}\n" for step, _, said in done if step.heading == heading)
        name = f"{number}-{named(heading)}.txt"
        (to / name).write_text(text, encoding="utf-8")
    for picture in folder.glob("*.png"):
        shutil.copy(picture, to / picture.name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="an empty one, or one to make")
    parser.add_argument("--keep", type=Path, help="where the texts and pictures go")
    told = parser.parse_args()
    folder = told.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        there = shutil.which("chromium") and shutil.which("chromedriver")
        browser = stack.enter_context(chromium(folder / ".browser", (1000, 700))) if there else None
        done = follow(folder, looking(browser) if browser else None)
    if told.keep:
        keep(done, folder, told.keep)
    for step, code, said in done:
        print(f"{'ok' if code == 0 else f'FAILED ({code})'}: {step.command}")
        if code != 0:
            print(said)
    return 1 if any(code for _, code, _ in done) else 0


if __name__ == "__main__":
    sys.exit(main())
