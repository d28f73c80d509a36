"""The wheel works on both ends of what it says it supports.

They are the oldest of everything it asks for on the oldest Python, and the newest of everything on the newest Python
that is here. Downloads torch twice unless uv has it.
"""

import json
import subprocess
from pathlib import Path

import pytest
from support.installing import UV, build_wheel, run
from support.making_videos import write_video

import streamdeq

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[1]
OLDEST = ("3.11",)
NEWEST = ("3.14", "3.13", "3.12")
#: Run there: every module is imported but those of extras, with warnings as errors.
IMPORTS = """
import importlib, pkgutil, streamdeq
for module in pkgutil.walk_packages(streamdeq.__path__, "streamdeq."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        assert error.name in ("fastapi", "prometheus_client"), (module.name, error.name)
"""


def environment(folder: Path, pythons: tuple[str, ...]) -> Path:
    """A new venv of the first of these Pythons that is here; its `bin`."""
    own = Path.home() / ".pyenv" / "versions"  # of which uv sees those that are switched on
    known = [(*sorted(map(str, own.glob(f"{version}.*/bin/python"))), version) for version in pythons]
    for version in (one for several in known for one in several):
        command = [UV, "venv", "-q", "--no-python-downloads", "--python", version, folder]
        if subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0:
            return folder / "bin"
    pytest.skip(f"no Python {' or '.join(pythons)} on this machine")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module", params=["oldest", "newest"])
def installed(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment with the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp(request.param) / "venv"
    oldest = request.param == "oldest"
    where = environment(folder, OLDEST if oldest else NEWEST)
    install = (UV, "pip", "install", "-q", "--python", where / "python")
    asked = ("--resolution", "lowest-direct" if oldest else "highest", "-r", ROOT / "pyproject.toml")
    run(*install, *asked, cwd=folder)
    run(*install, "--no-deps", wheel, cwd=folder)
    return where


def test_every_module_imports_there_without_a_warning(installed: Path, tmp_path: Path) -> None:
    run(installed / "python", "-W", "error", "-c", IMPORTS, cwd=tmp_path)


def test_doctor_finds_it_well(installed: Path, tmp_path: Path) -> None:
    told = json.loads(run(installed / "streamdeq", "doctor", "--json", cwd=tmp_path))
    assert told["problem"] is None
    assert told["versions"]["streamdeq"] == streamdeq.__version__


def test_a_film_is_answered_as_it_is_here(installed: Path, tmp_path: Path) -> None:
    film = write_video(tmp_path / "street.mp4", 3, size_hw=(96, 128))
    command = ("run", film, "--model", "street-s", "--save", "out", "--write", "video,jsonl", "--quiet")
    run(installed / "streamdeq", *command, "--device", "cpu", "--precision", "fp32", "--iterations", "1", cwd=tmp_path)
    lines = (tmp_path / "out" / "street.jsonl").read_text().splitlines()
    residuals = [json.loads(line)["residual"] for line in lines if "residual" in line]
    with streamdeq.load("street-s", "cpu", "fp32").stream(iterations=1) as stream:
        expected = [result.status.residual for result in stream.run(film)]
    assert residuals == pytest.approx(expected, rel=1e-3)


def test_a_model_trains_a_step_and_is_scored(installed: Path, tmp_path: Path) -> None:
    data = ("--data", "synthetic:clips=1,frames=4")
    train = ("train", "street-s", *data, "--out", "run", "--device", "cpu", "--quiet", "steps=1", "batch=1")
    run(installed / "streamdeq", *train, "crop_hw=32,32", cwd=tmp_path)
    trained = tmp_path / "run" / "model.safetensors"
    said = run(installed / "streamdeq", "eval", trained, *data, "--iterations", "1", "--offsets", "0", cwd=tmp_path)
    assert "mIoU of" in said
