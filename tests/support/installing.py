"""Packages installed in clean environments, whose dependencies are linked from the one that runs the tests."""

import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

UV = Path(sys.executable).parent / "uv"


def run(*command: str | Path, cwd: Path) -> str:
    """The output of a command that must succeed, in an environment that says nothing about this checkout."""
    told = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=told, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def closure(root: Distribution) -> Iterator[Distribution]:
    """Every distribution that `root` asks for, directly or not, on this machine."""
    seen: set[tuple[str, str]] = set()
    waiting = [(root, "")]
    while waiting:
        asking, extra = waiting.pop()
        for requirement in map(Requirement, asking.requires or ()):
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            name = canonicalize_name(requirement.name)
            for wanted in {"", *requirement.extras}:
                if (name, wanted) not in seen:
                    seen.add((name, wanted))
                    waiting.append((distribution(name), wanted))
                    yield waiting[-1][0]


def link(dependency: Distribution, site: Path) -> None:
    """Make the top-level files and folders of a distribution visible in `site`."""
    for name in {file.parts[0] for file in dependency.files or ()} - {"..", "__pycache__"}:
        origin, target = Path(str(dependency.locate_file(name))), site / name
        if name.endswith(".dist-info"):
            target.mkdir(exist_ok=True)  # installers count only real folders as installed packages
            origins = {target / inner.name: inner for inner in origin.iterdir()}
        else:
            origins = {target: origin}
        for place, inner in origins.items():
            if not place.is_symlink():
                place.symlink_to(inner)


def build_wheel(project: Path, folder: Path) -> Path:
    """The wheel of the project, in `folder`."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=project)
    (built,) = folder.glob("*.whl")
    return built


def linked_venv(folder: Path, *wheels: Path) -> None:
    """A new environment with these wheels in it and links to what they ask for."""
    venv.create(folder, symlinks=True)
    run(UV, "pip", "install", "--offline", "--no-deps", "--python", folder / "bin" / "python", *wheels, cwd=folder)
    (site,) = folder.glob("lib/python*/site-packages")
    for info in list(site.glob("*.dist-info")):
        for dependency in closure(PathDistribution(info)):
            if not (site / f"{dependency.name}-{dependency.version}.dist-info").exists():
                link(dependency, site)
