"""Somebody else's package adds a cell: installed beside streamdeq, it trains, is evaluated and runs on a film."""

from pathlib import Path

import pytest
from support.installing import build_wheel, linked_venv, run
from support.making_videos import decoded, write_video
from support.small_runs import command

from streamdeq.models.checkpoint import read_weights

ROOT = Path(__file__).resolve().parent.parent
DATA = "synthetic:clips=1,frames=3,size=32x48"

PROJECT = """
[project]
name = "tied-cell"
version = "1.0"

[project.entry-points.streamdeq]
tied-cell = "tied_cell"

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
only-include = ["tied_cell.py"]
"""

CELL = '''
"""One convolution per scale, tied over all its applications; scales do not mix."""

import torch.nn.functional as F
from torch import nn

import streamdeq
from streamdeq.latent import Latent
from streamdeq.models.cells import Cell


@streamdeq.register("cell", "tied")
class TiedCell(Cell):
    def __init__(self, arch):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for width in arch.channels)
        self.norms = nn.ModuleList(nn.GroupNorm(arch.groups, width) for width in arch.channels)

    def bind(self, injection):
        def f(z):
            through = [conv(m) for conv, m in zip(self.convs, z.maps)]
            driven = [y if x is None else y + x for y, x in zip(through, injection)]
            return Latent(tuple(norm(F.relu(y)) for norm, y in zip(self.norms, driven)))

        return f
'''


@pytest.fixture(scope="module")
def streamdeq(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of an environment that holds streamdeq and the package with the cell."""
    folder = tmp_path_factory.mktemp("outside")
    project = folder / "tied-cell"
    project.mkdir()
    (project / "pyproject.toml").write_text(PROJECT)
    (project / "tied_cell.py").write_text(CELL)
    linked_venv(folder / "venv", build_wheel(ROOT, folder / "ours"), build_wheel(project, folder / "theirs"))
    return folder / "venv" / "bin" / "streamdeq"


def test_a_cell_from_another_package_trains_is_evaluated_and_runs(streamdeq: Path, tmp_path: Path) -> None:
    changes = ("architecture.cell=tied", "steps=3", "batch=2", "statistics=2")
    run(streamdeq, "train", "synthetic-tiny", *changes, "--data", DATA, "--out", "run", "--quiet", cwd=tmp_path)
    weights = tmp_path / "run" / "model.safetensors"
    spec, tensors = read_weights(weights)
    assert spec.architecture.cell == "tied"
    assert "backbone.fullstage.convs.1.weight" in tensors

    offsets = ("--offsets", "0,1", "--iterations", "1", "--resamples", "0")
    table = run(streamdeq, "eval", weights, "--data", DATA, *offsets, "--device", "cpu", "--quiet", cwd=tmp_path)
    assert "mIoU" in table

    film = write_video(tmp_path / "street.mp4", 3, size_hw=(32, 48))
    save = tmp_path / "out"
    run(streamdeq, "run", film, "--model", weights, "--save", save, "--device", "cpu", "--quiet", cwd=tmp_path)
    assert len(decoded(save / "street.mp4")) == 3


def test_a_cell_that_nobody_brings_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "run")
    assert command("synthetic-tiny", "architecture.cell=tied", "--data", DATA, "--out", out) == 2
    said = capsys.readouterr().err
    assert said.startswith("streamdeq: unknown cell 'tied'")
    assert said.count("\n") == 1
