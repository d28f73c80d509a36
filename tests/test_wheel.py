"""The wheel, installed in a clean environment outside the repository, is the whole program.

Clean means: a new venv that holds the wheel and what its metadata asks for, nothing else. For speed, and to need no
network, the dependencies are linked from the environment that runs the tests (seconds instead of gigabytes); the
slow variant has uv resolve and install them.
"""

import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.making_videos import decoded, write_video

import streamdeq
from streamdeq.models import zoo

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).parent / "uv"
WEIGHTS = [f"{name}.safetensors" for name in zoo.names()]
needs_weights = pytest.mark.skipif(not WEIGHTS, reason="no model is packaged yet")


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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module", params=["linked", pytest.param("resolved", marks=pytest.mark.slow)])
def installed(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a clean venv with the wheel in it."""
    folder = tmp_path_factory.mktemp("outside") / "venv"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    if request.param == "linked":
        run(UV, "pip", "install", "--offline", "--no-deps", "--python", python, wheel, cwd=folder)
        (site,) = folder.glob("lib/python*/site-packages")
        (info,) = site.glob("streamdeq-*.dist-info")
        for dependency in closure(PathDistribution(info)):
            link(dependency, site)
    else:
        run(UV, "pip", "install", "--python", python, "-c", ROOT / "constraints.txt", wheel, cwd=folder)
    return folder


def test_the_wheel_holds_the_package_and_its_licence_and_nothing_else(wheel: Path) -> None:
    info = f"streamdeq-{streamdeq.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {"streamdeq", info}
    assert {f"{info}/licenses/LICENSE", f"{info}/licenses/NOTICE"} <= set(names)
    assert [name for name in names if "__pycache__" in name or name.endswith(".pyc")] == []


def test_the_wheel_is_small_enough_to_send(wheel: Path) -> None:
    assert wheel.stat().st_size < 60_000_000  # PyPI takes 100 MB; the models are all of it but for a megabyte


def test_what_is_installed_is_what_the_metadata_asks_for(installed: Path) -> None:
    run(UV, "pip", "check", "--python", installed / "bin" / "python", cwd=installed)


def test_the_installed_command_says_its_version(installed: Path) -> None:
    said = run(installed / "bin" / "streamdeq", "--version", cwd=installed)
    assert said == f"streamdeq {streamdeq.__version__}\n"


def test_every_module_imports_from_the_wheel_with_its_declared_dependencies_only(installed: Path) -> None:
    program = (
        "import importlib, pkgutil, streamdeq\n"
        "for module in pkgutil.walk_packages(streamdeq.__path__, 'streamdeq.'):\n"
        "    importlib.import_module(module.name)\n"
        "print(streamdeq.__file__)\n"
    )
    where = run(installed / "bin" / "python", "-W", "error", "-c", program, cwd=installed).strip()
    assert Path(where).is_relative_to(installed)


@needs_weights
def test_the_wheel_carries_the_packaged_models(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        carried = {name: archive.read(name) for name in archive.namelist() if name.endswith(".safetensors")}
    assert set(carried) == {f"streamdeq/weights/{name}" for name in WEIGHTS}
    for name, content in carried.items():
        assert content == (ROOT / "src" / name).read_bytes()


@needs_weights
def test_the_installed_program_lists_its_models(installed: Path) -> None:
    said = run(installed / "bin" / "streamdeq", "models", cwd=installed)
    listed = [line.split()[0] for line in said.splitlines() if not line.startswith(" ")]
    assert [f"{name}.safetensors" for name in listed] == WEIGHTS
    for fact in ("classes", " MB", "working size", "data: ", "licence: "):
        assert said.count(fact) == len(WEIGHTS)


@needs_weights
def test_the_installed_program_annotates_a_film_with_its_usual_model(installed: Path, tmp_path: Path) -> None:
    film = write_video(tmp_path / "street.mp4", 3, size_hw=(48, 64))
    save = tmp_path / "out"
    said = run(
        installed / "bin" / "streamdeq",
        *("run", film, "--save", save, "--iterations", "1", "--device", "cpu", "--quiet"),
        cwd=tmp_path,
    )
    assert said.splitlines()[-1] == str(save / "street.mp4")
    annotated = decoded(save / "street.mp4")
    assert [time for time, _ in annotated] == [time for time, _ in decoded(film)]
    assert {image.shape for _, image in annotated} == {(48, 64, 3)}


def test_without_a_model_of_that_name_the_installed_program_says_so_in_one_line(
    installed: Path, tmp_path: Path
) -> None:
    film = write_video(tmp_path / "street.mp4", 3, size_hw=(48, 64))
    command = [installed / "bin" / "streamdeq", "run", film, "--model", "no-such-model", "--save", tmp_path / "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("streamdeq: unknown model 'no-such-model'")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
