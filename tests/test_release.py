"""`make release`: what is released is whole, of one version, and found by pip in the index beside it."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from support.installing import run

import streamdeq

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[1]
PIP = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-cache-dir", "--disable-pip-version-check")
VERSION = streamdeq.__version__


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a release."""
    pytest.importorskip("twine")
    folder = tmp_path_factory.mktemp("release")
    run(sys.executable, ROOT / "tools" / "release.py", folder, cwd=ROOT)
    return folder


def test_there_are_a_source_and_two_wheels_and_an_index(released: Path) -> None:
    made = [f"streamdeq-{VERSION}-py3-none-any.whl", f"streamdeq-{VERSION}.tar.gz"]
    made += [f"streamdeq_edge-{VERSION}-py3-none-any.whl", "simple"]
    assert {path.name for path in released.iterdir()} == set(made)


def test_the_wheel_made_of_the_source_is_the_one_made_of_the_checkout(released: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=ROOT)
    name = f"streamdeq-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(tmp_path / name) as ours, zipfile.ZipFile(released / name) as theirs:
        assert {one.filename: one.CRC for one in ours.infolist()} == {
            one.filename: one.CRC for one in theirs.infolist()
        }


def test_the_source_holds_the_tests_and_no_pictures(released: Path) -> None:
    with tarfile.open(released / f"streamdeq-{VERSION}.tar.gz") as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"src/streamdeq/api.py", "tests/test_release.py", "pyproject.toml", "LICENSE", "NOTICE"} <= names
    assert [name for name in names if name.startswith(("docs/", "."))] == [".gitignore"]


@pytest.mark.parametrize("name", ["streamdeq", "streamdeq-edge"])
def test_pip_installs_it_from_the_index(released: Path, tmp_path: Path, name: str) -> None:
    index = (released / "simple").as_uri()
    run(*PIP, "--index-url", index, "-t", tmp_path, name, cwd=tmp_path)
    said = run(sys.executable, "-c", "import streamdeq; print(streamdeq.__version__)", cwd=tmp_path)
    assert said.strip() == VERSION


def test_a_file_that_was_changed_behind_the_index_is_refused(released: Path, tmp_path: Path) -> None:
    wheel = released / f"streamdeq_edge-{VERSION}-py3-none-any.whl"
    content = wheel.read_bytes()
    wheel.write_bytes(content + b"more")
    try:
        command = [*PIP, "--index-url", (released / "simple").as_uri(), "-t", tmp_path, "streamdeq-edge"]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode != 0
        assert "DO NOT MATCH THE HASHES" in done.stderr
    finally:
        wheel.write_bytes(content)
