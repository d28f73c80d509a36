"""`streamdeq models`: what is packaged, and what each of it is."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.small_models import tiny_spec

from streamdeq.cli.main import COMMANDS, build, guarded
from streamdeq.models import zoo
from streamdeq.models.architecture import Architecture
from streamdeq.models.checkpoint import read_weights, save_weights
from streamdeq.models.spec import Provenance
from streamdeq.tasks import build_network


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    monkeypatch.setattr(zoo, "RESEARCH_FOLDER", tmp_path / "research")
    return tmp_path


def models(capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = guarded(build(COMMANDS), ["models"])
    return code, *capsys.readouterr()


def test_every_model_is_told_with_size_data_licence_and_metrics(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    spec = tiny_spec(Architecture((8, 16), groups=2, expansion=2))
    origin = Provenance({}, "a street", "CC0-1.0", {"mIoU": 54.04, "mIoU/test": 43.1}, "SUR, 4000 steps")
    for name in ("b-small", "a-large"):
        save_weights(weights / f"{name}.safetensors", build_network(spec), replace(spec, provenance=origin))
    code, out, err = models(capsys)
    assert (code, err) == (0, "")
    parts = out.split("\nb-small")
    assert out.startswith("a-large")
    assert len(parts) == 2
    size_mb = f"{(weights / 'a-large.safetensors').stat().st_size / 1e6:.1f} MB"
    for part in parts:
        for fact in ("segmentation, 3 classes", size_mb, "8/16", "working size 32", "SUR, 4000 steps"):
            assert fact in part
        for fact in ("data: a street", "licence: CC0-1.0", "mIoU 54.0", "mIoU/test 43.1"):
            assert fact in part


def test_the_models_of_a_checkout_come_last_and_say_where_they_lie(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tiny_spec(Architecture((8,), groups=2))
    zoo.RESEARCH_FOLDER.mkdir()
    for file in (weights / "bare.safetensors", zoo.RESEARCH_FOLDER / "bee-s-ur.safetensors"):
        save_weights(file, build_network(spec), spec)
    _, out, _ = models(capsys)
    first, last = [line for line in out.splitlines() if not line.startswith(" ")]
    assert first.startswith("bare  ")
    assert first.endswith(" MB")
    assert last.startswith("bee-s-ur  ")
    assert last.endswith(" MB, in the repository's research/, not in the package")


def test_a_model_without_metrics_is_told_without_them(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tiny_spec(Architecture((8,), groups=2))
    save_weights(weights / "bare.safetensors", build_network(spec), spec)
    code, out, _ = models(capsys)
    assert code == 0
    assert out.startswith("bare  segmentation")
    assert out.count("\n") == 3


def test_no_model_at_all_is_said(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert models(capsys) == (0, "no models are packaged with this installation; give a weights file to --model\n", "")


def test_a_damaged_packaged_file_is_one_line(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (weights / "broken.safetensors").write_text("nothing")
    code, out, err = models(capsys)
    assert (code, out) == (2, "")
    assert "broken.safetensors is not a safetensors file" in err
    assert err.count("\n") == 1


def test_packaged_weights_say_what_they_are_and_those_of_one_data_set_have_one_licence():
    named = [*zoo.FOLDER.glob("*.safetensors"), *zoo.RESEARCH_FOLDER.glob("*.safetensors")]
    assert {path.stem for path in named} == {*zoo.names(), *zoo.RESEARCH}
    specs = {path: read_weights(path)[0] for path in sorted(named)}
    licences: dict[str, set[str]] = {}
    for path, spec in specs.items():
        assert spec.name == path.stem
        assert "streamdeq " in spec.provenance.trained_with
        assert spec.provenance.recipe
        assert path.stat().st_size <= (6e6 if spec.task == "pose" else 8e6)
        licences.setdefault(spec.provenance.data, set()).add(spec.provenance.licence)
    assert {data: texts for data, texts in licences.items() if len(texts) > 1} == {}
