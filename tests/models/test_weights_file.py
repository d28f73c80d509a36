"""Weights on disk: what is written is read, what is damaged or foreign is refused in one line."""

import json
import os
import pickle
import struct
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from streamdeq.errors import StreamdeqError
from streamdeq.models import checkpoint, zoo
from streamdeq.models.architecture import Architecture
from streamdeq.models.checkpoint import load_tensors, read_weights, save_weights
from streamdeq.models.mdeq import Network
from streamdeq.models.spec import ModelSpec, Provenance, read_spec
from streamdeq.tasks import build_network

SPEC = ModelSpec(
    name="tiny",
    task="segmentation",
    architecture=Architecture((4, 8), groups=2, expansion=1),
    classes=("sky", "road"),
    palette=((0, 0, 255), (128, 64, 128)),
    size=32,
    provenance=Provenance({"steps": 3, "crop_hw": [32, 48]}, "none", "Apache-2.0", {"mIoU": 12.5}, "no hardware"),
)


def network(spec: ModelSpec = SPEC, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    return build_network(spec)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_weights(tmp_path / "tiny.safetensors", network(), SPEC)
    return tmp_path / "tiny.safetensors"


def refusal(path: Path) -> str:
    with pytest.raises(StreamdeqError) as caught:
        read_weights(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def rewritten(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> Path:
    save_file(tensors, path, metadata)
    return path


def described(tensors: dict[str, Tensor], spec: ModelSpec = SPEC) -> dict[str, str]:
    """An honest description of these tensors."""
    return {"format": checkpoint.FORMAT, "spec": spec.to_json(), "hash": checkpoint.digest(tensors)}


# -- there and back --------------------------------------------------------------------------------------------


def test_weights_come_back_as_they_were_to_half_precision(path: Path) -> None:
    before, after = network().state_dict(), network(seed=1)
    spec, tensors = read_weights(path)
    load_tensors(after, tensors, "tiny")
    assert spec == SPEC
    for name, value in after.state_dict().items():
        expected = before[name].half().to(before[name].dtype) if before[name].is_floating_point() else before[name]
        assert torch.equal(value, expected), name


def test_the_file_holds_half_precision_and_whole_counters(path: Path) -> None:
    kinds = {value.dtype for value in load_file(path).values()}
    assert kinds == {torch.float16, torch.int64}
    parameters = sum(value.numel() for value in network().state_dict().values())
    assert path.stat().st_size < 2 * parameters + 8000


def test_saving_what_was_loaded_loses_nothing_more(path: Path, tmp_path: Path) -> None:
    spec, tensors = read_weights(path)
    loaded = network(seed=1)
    load_tensors(loaded, tensors, "tiny")
    save_weights(tmp_path / "again.safetensors", loaded, spec)
    spec_again, tensors_again = read_weights(tmp_path / "again.safetensors")
    assert spec_again == spec
    assert checkpoint.digest(tensors_again) == checkpoint.digest(tensors)


def test_weights_load_into_a_network_of_another_precision(path: Path) -> None:
    double = network(seed=1).double()
    load_tensors(double, read_weights(path)[1], "tiny")
    assert {p.dtype for p in double.parameters()} == {torch.float64}


def test_the_description_is_read_without_the_tensors(path: Path) -> None:
    assert read_spec(path) == SPEC
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert read_spec(path) == SPEC


@pytest.mark.parametrize("content", [b"", bytes(8), b"\xff" * 16, b"\x02\0\0\0\0\0\0\0{}"])
def test_a_file_without_a_description_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    for name in ("other", "missing"):
        with pytest.raises(StreamdeqError, match=rf"{name} is not a safetensors file with a model's description"):
            read_spec(tmp_path / name)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_the_file_may_be_read_by_whom_the_umask_allows(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        save_weights(tmp_path / "shared.safetensors", network(), SPEC)
    finally:
        os.umask(before)
    assert (tmp_path / "shared.safetensors").stat().st_mode & 0o777 == mode


def test_weights_that_half_precision_cannot_hold_are_not_written(tmp_path: Path) -> None:
    bad = network()
    with torch.no_grad():
        bad.backbone.downsample[0].weight[0] = 1e6
    with pytest.raises(StreamdeqError, match=r"'backbone\.downsample\.0\.weight' is not finite in float16"):
        save_weights(tmp_path / "bad.safetensors", bad, SPEC)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken.safetensors").mkdir()
    with pytest.raises(StreamdeqError, match=r"^cannot write .*taken\.safetensors: .*choose another place$"):
        save_weights(tmp_path / "taken.safetensors", network(), SPEC)
    (tmp_path / "file").touch()
    with pytest.raises(StreamdeqError, match=r"^cannot write to .*choose another folder$"):
        save_weights(tmp_path / "file" / "x.safetensors", network(), SPEC)
    assert {p.name for p in tmp_path.iterdir()} == {"taken.safetensors", "file"}


# -- damage ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_one_flipped_bit_in_the_tensors_is_noticed(path: Path, share: float) -> None:
    content = bytearray(path.read_bytes())
    (header,) = struct.unpack("<Q", content[:8])
    first = 8 + header
    content[first + int(share * (len(content) - first - 1))] ^= 0x10
    path.write_bytes(bytes(content))
    assert "damaged: its tensors do not match the hash" in refusal(path)


@pytest.mark.parametrize("share", [0.2, 0.9, 0.999])
def test_a_file_cut_short_is_called_so(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "damaged or cut short" in refusal(path)


@pytest.mark.parametrize("content", [b"", b"\x80\x04", b"hello, I am a text file\n" * 50, bytes(1000)])
def test_what_is_no_safetensors_file_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert "is not a safetensors file" in refusal(path)


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("name", ["model.pkl", "model.pth", "model.safetensors"])
def test_a_pickle_is_refused_and_never_unpickled(tmp_path: Path, name: str) -> None:
    trap = tmp_path / "exploded"
    (tmp_path / name).write_bytes(pickle.dumps(Bomb(trap)))
    assert "are converted by: streamdeq import" in refusal(tmp_path / name)
    assert not trap.exists()
    pickle.loads((tmp_path / name).read_bytes())
    assert trap.exists()  # the trap works


def test_a_torch_checkpoint_is_refused(tmp_path: Path) -> None:
    torch.save(network().state_dict(), tmp_path / "model.pth")
    assert "are converted by: streamdeq import" in refusal(tmp_path / "model.pth")


@pytest.mark.parametrize("lost", ["format", "spec", "hash"])
def test_a_description_with_a_part_missing_is_no_streamdeq_model(path: Path, lost: str) -> None:
    tensors = load_file(path)
    metadata = {key: value for key, value in described(tensors).items() if key != lost}
    assert "no streamdeq model" in refusal(rewritten(path, tensors, metadata))


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    assert "no weights at" in refusal(tmp_path)
    assert "no weights at" in refusal(tmp_path / "missing.safetensors")


# -- another architecture --------------------------------------------------------------------------------------


def mismatch(tensors: dict[str, Tensor], spec: ModelSpec = SPEC) -> str:
    target = network(spec)
    before = {name: value.clone() for name, value in target.state_dict().items()}
    with pytest.raises(StreamdeqError) as caught:
        load_tensors(target, tensors, "file.safetensors")
    assert all(torch.equal(value, before[name]) for name, value in target.state_dict().items()), "half loaded"
    message = str(caught.value)
    assert message.startswith("file.safetensors does not fit its architecture: ")
    assert "\n" not in message
    return message


def test_a_missing_tensor_is_named(path: Path) -> None:
    tensors = read_weights(path)[1]
    del tensors["head.last_layer.3.bias"]
    assert "it lacks 'head.last_layer.3.bias'" in mismatch(tensors)


def test_a_tensor_too_many_is_named(path: Path) -> None:
    tensors = read_weights(path)[1] | {"head.extra": torch.zeros(1)}
    assert "unknown tensor 'head.extra'" in mismatch(tensors)


def test_another_width_is_named_with_both_shapes(path: Path) -> None:
    wider = replace(SPEC, architecture=Architecture((4, 16), groups=2, expansion=1))
    message = mismatch(read_weights(path)[1], wider)
    assert "is [8" in message
    assert "expected [16" in message


def test_another_number_of_scales_is_one_line(path: Path) -> None:
    mismatch(read_weights(path)[1], replace(SPEC, architecture=Architecture((4, 8, 8), groups=2, expansion=1)))


# -- the models by name ----------------------------------------------------------------------------------------


def test_a_path_is_its_own_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert zoo.find(path) == path
    assert zoo.find(str(path)) == path
    monkeypatch.chdir(path.parent)
    assert zoo.find("tiny.safetensors").samefile(path)


@pytest.fixture
def packaged(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that carries `camvid-s` and `street-m`."""
    folder = path.parent / "weights"
    folder.mkdir()
    for name in ("camvid-s", "street-m"):
        (folder / f"{name}.safetensors").write_bytes(path.read_bytes())
    (folder / "README.md").touch()
    monkeypatch.setattr(zoo, "FOLDER", folder)
    monkeypatch.setattr(zoo, "RESEARCH_FOLDER", path.parent / "research")
    return folder


def test_the_packaged_models_are_found_by_name(packaged: Path) -> None:
    assert zoo.names() == ["camvid-s", "street-m"]
    assert zoo.find("street-m") == packaged / "street-m.safetensors"


def test_a_model_of_the_repository_is_found_in_a_checkout_and_elsewhere_told_where_it_lies(packaged: Path) -> None:
    with pytest.raises(StreamdeqError) as caught:
        zoo.find("bee-s-il")
    assert str(caught.value) == (
        "bee-s-il is not in the package: it lies in the repository as research/bee-s-il.safetensors; run from a "
        "checkout, or give the path of that file"
    )
    assert zoo.research() == []
    file = zoo.RESEARCH_FOLDER / "bee-s-il.safetensors"
    file.parent.mkdir()
    file.write_bytes((packaged / "camvid-s.safetensors").read_bytes())
    assert zoo.find("bee-s-il") == file
    assert (zoo.research(), zoo.names()) == (["bee-s-il"], ["camvid-s", "street-m"])
    assert (zoo.name_of(file), zoo.name_of(zoo.find("street-m"))) == ("bee-s-il", "street-m")
    assert zoo.name_of(packaged.parent / "tiny.safetensors") is None


def test_a_training_run_beside_a_package_goes_by_the_name_of_a_model_of_the_repository(
    packaged: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = path.parent / "bee-s-il"
    run.mkdir()
    (run / "model.safetensors").write_bytes(path.read_bytes())
    monkeypatch.chdir(path.parent)
    assert zoo.find("bee-s-il").samefile(run / "model.safetensors")


def test_an_unknown_model_shows_the_nearest_name_and_the_choices(packaged: Path) -> None:
    with pytest.raises(StreamdeqError) as caught:
        zoo.find("camvid_s")
    assert str(caught.value) == "unknown model 'camvid_s'; did you mean 'camvid-s'? (choices: camvid-s, street-m)"


@pytest.mark.parametrize("name", ["runs/none.safetensors", "none.safetensors", "none.pth", "/none", "."])
def test_a_path_that_is_no_file_is_told_from_a_name(packaged: Path, name: str) -> None:
    expected = f"no weights at {name}; expected a .safetensors file or one of: camvid-s, street-m"
    with pytest.raises(StreamdeqError) as caught:
        zoo.find(name)
    assert str(caught.value) == expected


def test_a_name_longer_than_any_file_may_have_is_just_unknown(packaged: Path) -> None:
    with pytest.raises(StreamdeqError, match=r"^unknown model 'xxx"):
        zoo.find("x" * 5000)


# -- the description -------------------------------------------------------------------------------------------


def test_a_description_survives_json() -> None:
    full = replace(
        SPEC,
        architecture=Architecture((8, 16, 32), 4, 3, "mdeq", 0.1, post_affine=False),
        mean=(0.1, 0.2, 0.3),
        std=(0.4, 0.5, 0.6),
        solver="broyden",
        iterations=3,
    )
    assert ModelSpec.from_json(full.to_json()) == full
    assert full.to_json() == ModelSpec.from_json(full.to_json()).to_json()


def changed(**changes: object) -> str:
    return json.dumps(json.loads(SPEC.to_json()) | changes)


ARCHITECTURE = json.loads(SPEC.to_json())["architecture"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed(colour="red"), "unknown entry 'colour'; is streamdeq too old"),
        (changed(architecture=ARCHITECTURE | {"depth": 3}), "unknown entry 'depth'"),
        (changed(architecture=ARCHITECTURE | {"channels": [4, 7]}), "multiples of groups"),
        (changed(architecture=ARCHITECTURE | {"channels": []}), "at least one scale"),
        (changed(architecture=4), "cannot be read"),
        (changed(size="big"), "cannot be read"),
        (changed(size=0), "size and iterations must be >= 1"),
        (changed(palette=[[0, 0, 0]]), "one colour per class; got 1 for 2 classes"),
        (changed(std=[1.0, 1.0, 0.0]), "std above 0"),
        (changed(mean=[0.5]), "must be 3 numbers"),
        ("{}", "lacks the entry 'architecture'"),
        ("[]", "cannot be read"),
        ("{", "cannot be read"),
    ],
)
def test_a_description_this_version_does_not_understand_is_one_line(text: str, message: str) -> None:
    with pytest.raises(StreamdeqError, match=message) as caught:
        ModelSpec.from_json(text)
    assert "\n" not in str(caught.value)


def test_provenance_is_added_without_touching_the_rest() -> None:
    scored = SPEC.with_provenance(metrics={"mIoU": 54.0})
    assert scored.provenance == replace(SPEC.provenance, metrics={"mIoU": 54.0})
    assert replace(scored, provenance=SPEC.provenance) == SPEC


def test_a_cell_that_is_called_published_is_mdeqs() -> None:
    before = json.dumps(json.loads(SPEC.to_json()) | {"architecture": ARCHITECTURE | {"cell": "published"}})
    assert ModelSpec.from_json(before) == SPEC
    assert SPEC.architecture.cell == "mdeq"


def test_a_packaged_model_from_before_the_name_loads() -> None:
    assert '"cell": "published"' in checkpoint._metadata(zoo.find("street-s"))["spec"]
    assert read_spec(zoo.find("street-s")).architecture.cell == "mdeq"
