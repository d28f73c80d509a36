"""The wheel, installed in a clean environment outside the repository, is the whole program.

Clean means: a new venv that holds the wheel and what its metadata asks for, nothing else. For speed, and to need no
network, the dependencies are linked from the environment that runs the tests (seconds instead of gigabytes); the
slow variant has uv resolve and install them.
"""

import os
import subprocess
import venv
import zipfile
from pathlib import Path

import pytest
from support.installing import UV, build_wheel, linked_venv, run
from support.making_videos import decoded, write_video

import streamdeq
from streamdeq.models import zoo

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = [f"{name}.safetensors" for name in zoo.names()]
needs_weights = pytest.mark.skipif(not WEIGHTS, reason="no model is packaged yet")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module", params=["linked", pytest.param("resolved", marks=pytest.mark.slow)])
def installed(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a clean venv with the wheel in it."""
    folder = tmp_path_factory.mktemp("outside") / "venv"
    if request.param == "linked":
        linked_venv(folder, wheel)
    else:
        venv.create(folder, symlinks=True)
        run(
            UV,
            "pip",
            "install",
            "--python",
            folder / "bin" / "python",
            "-c",
            ROOT / "constraints.txt",
            wheel,
            cwd=folder,
        )
    return folder


def test_the_wheel_holds_the_package_and_its_licence_and_nothing_else(wheel: Path) -> None:
    info = f"streamdeq-{streamdeq.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {"streamdeq", info}
    assert {f"{info}/licenses/LICENSE", f"{info}/licenses/NOTICE"} <= set(names)
    assert [name for name in names if "__pycache__" in name or name.endswith(".pyc")] == []


def test_the_wheel_is_small_enough_to_send(wheel: Path) -> None:
    assert wheel.stat().st_size < 60_000_000  # PyPI takes 100 MB; the models are most of it


def test_what_is_installed_is_what_the_metadata_asks_for(installed: Path) -> None:
    run(UV, "pip", "check", "--python", installed / "bin" / "python", cwd=installed)


def test_the_installed_command_says_its_version(installed: Path) -> None:
    said = run(installed / "bin" / "streamdeq", "--version", cwd=installed)
    assert said == f"streamdeq {streamdeq.__version__}\n"


#: A room that is nothing but what an extra brings imports it at the top; `cli/serve.py` says what is missing before.
OF_EXTRAS = {"streamdeq.serving.api": ("fastapi", "prometheus_client")}


def test_every_module_imports_from_the_wheel_with_its_declared_dependencies_only(installed: Path) -> None:
    program = (
        "import importlib, pkgutil, streamdeq\n"
        "for module in pkgutil.walk_packages(streamdeq.__path__, 'streamdeq.'):\n"
        "    try:\n"
        "        importlib.import_module(module.name)\n"
        "    except ModuleNotFoundError as error:\n"
        f"        of = {OF_EXTRAS}.get(module.name.rpartition('.')[0], ())\n"
        "        assert error.name in of, (module.name, error.name)\n"
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


def test_the_installed_program_says_where_a_model_of_the_repository_lies(installed: Path, tmp_path: Path) -> None:
    film = write_video(tmp_path / "street.mp4", 3, size_hw=(48, 64))
    command = [installed / "bin" / "streamdeq", "run", film, "--model", "camvid-s-il", "--save", tmp_path / "out"]
    outside = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}  # which may name this checkout
    done = subprocess.run(command, cwd=tmp_path, env=outside, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "it lies in the repository as research/camvid-s-il.safetensors" in done.stderr


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
