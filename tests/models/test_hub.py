"""Weights on a hub: fetched by address, pushed with a card; a real server on this machine speaks the hub's protocol."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from support import forked
from support.hub_server import Hub, serving
from support.making_videos import write_video
from support.small_files import tiny_weights

import streamdeq
from streamdeq.errors import StreamdeqError
from streamdeq.models import zoo
from streamdeq.models.card import hub_licence, model_card
from streamdeq.models.checkpoint import read_weights, save_weights
from streamdeq.models.hub import Address
from streamdeq.models.spec import Provenance, read_spec
from streamdeq.tasks import load_network

constants = pytest.importorskip("huggingface_hub.constants", reason="needs the extra hub")
# How the library sends a large file is an older way of its own HTTP client.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
PICTURE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub, and a user of it without a login, whose cache is empty. Large files go to it over Git LFS."""
    with serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))  # for processes
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "hf" / "token"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield hub


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return tiny_weights(tmp_path / "tiny.safetensors")


def refusal(address: str) -> str:
    with pytest.raises(StreamdeqError) as caught:
        streamdeq.load(address)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_is_loaded_by_its_repository_and_answers_as_the_file_does(hub: Hub, weights: Path):
    hub.put("lab/tiny", model_safetensors=weights.read_bytes(), README_md=b"hello")
    told = streamdeq.load("hf://lab/tiny", device="cpu")
    own = streamdeq.load(weights, device="cpu")
    assert np.array_equal(told.solve(PICTURE, 3).labels, own.solve(PICTURE, 3).labels)
    assert told.spec == own.spec


def test_what_was_fetched_is_not_fetched_again_and_serves_where_the_hub_is_gone(
    hub: Hub, weights: Path, monkeypatch: pytest.MonkeyPatch
):
    hub.put("lab/tiny", model_safetensors=weights.read_bytes())
    first = zoo.find("hf://lab/tiny")
    assert zoo.find("hf://lab/tiny") == first
    assert sum(asked.startswith("GET") for asked in hub.asked) == 1
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens
    assert zoo.find("hf://lab/tiny") == first
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # else the library tries again for 23 s
    assert zoo.find("hf://lab/tiny") == first
    assert "cannot be reached" in refusal("hf://lab/another")


def test_a_revision_is_a_branch_or_a_commit_and_a_file_may_be_named(hub: Hub, tmp_path: Path):
    old, new = (tiny_weights(tmp_path / f"{n}.safetensors", seed=n).read_bytes() for n in (1, 2))
    before = hub.put("lab/tiny", model_safetensors=old)
    hub.put("lab/tiny", model_safetensors=new, other_safetensors=old)
    assert zoo.find("hf://lab/tiny").read_bytes() == new
    assert zoo.find(f"hf://lab/tiny@{before}").read_bytes() == old
    assert zoo.find("hf://lab/tiny@main/other.safetensors").read_bytes() == old
    assert zoo.find(Path("hf://lab/tiny")).read_bytes() == new  # of which pathlib leaves one slash


def test_a_repository_with_one_file_of_weights_needs_no_name_and_one_with_several_does(hub: Hub, weights: Path):
    hub.put("lab/one", best_safetensors=weights.read_bytes())
    assert read_spec(zoo.find("hf://lab/one")) == read_spec(weights)
    hub.put("lab/two", a_safetensors=weights.read_bytes(), b_safetensors=weights.read_bytes())
    assert "there are a.safetensors, b.safetensors" in refusal("hf://lab/two")
    hub.put("lab/none", README_md=b"nothing yet")
    assert "there is none" in refusal("hf://lab/none")


def test_what_the_hub_refuses_is_one_line_that_names_the_address(hub: Hub, weights: Path):
    hub.put("lab/tiny", model_safetensors=weights.read_bytes(), notes_safetensors=b"no tensors")
    assert refusal("hf://lab/tyni").startswith("hf://lab/tyni: no such repository, or a private one")
    assert refusal("hf://lab/tiny@v9").endswith("has no revision 'v9'")
    assert "has no file 'a/b.safetensors'" in refusal("hf://lab/tiny/a/b.safetensors")
    assert "is not a safetensors file" in refusal("hf://lab/tiny/notes.safetensors")


@pytest.mark.parametrize("address", ["hf://", "hf://tiny", "hf://a/b@", "hf://a/b@c@d", "hf://../x/../y"])
def test_what_is_no_address_is_refused_unasked(hub: Hub, address: str):
    assert "hf://owner/name" in refusal(address)
    assert hub.asked == []


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pkl"])
def test_pickles_are_refused_unasked(hub: Hub, name: str):
    assert "only .safetensors" in refusal(f"hf://lab/tiny/{name}")
    assert hub.asked == []


def test_a_pushed_model_is_the_file_and_a_card_and_loads_from_the_address_of_its_commit(
    hub: Hub, weights: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_TOKEN", hub.token)
    address = streamdeq.load(weights).push_to_hub("lab/mine", private=True)
    made = hub.repositories["lab/mine"]
    assert made.private
    assert address == f"hf://lab/mine@{made.branches['main']}"
    assert made.files("main")["model.safetensors"] == weights.read_bytes()
    card = made.files("main")["README.md"].decode()
    assert 'streamdeq.load("hf://lab/mine")' in card
    assert streamdeq.load(address).origin.read_bytes() == weights.read_bytes()
    monkeypatch.delenv("HF_TOKEN")
    assert "private" in refusal("hf://lab/mine")


def test_a_card_that_somebody_wrote_stays_unless_it_is_to_be_replaced(
    hub: Hub, weights: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_TOKEN", hub.token)
    hub.put("lab/mine", README_md=b"by hand")
    model = streamdeq.load(weights)
    model.push_to_hub("lab/mine")
    assert hub.repositories["lab/mine"].files("main")["README.md"] == b"by hand"
    model.push_to_hub("lab/mine", revision="next", card=True)
    assert b"by hand" not in hub.repositories["lab/mine"].files("next")["README.md"]
    assert hub.repositories["lab/mine"].files("main")["README.md"] == b"by hand"


def test_who_may_not_write_is_told_to_log_in(hub: Hub, weights: Path):
    model = streamdeq.load(weights)
    with pytest.raises(StreamdeqError, match=r"the hub answers 401: .*hf auth login"):
        model.push_to_hub("lab/mine")
    with pytest.raises(StreamdeqError, match="expected owner/name"):
        model.push_to_hub("lab/mine@main")


def test_the_command_line_takes_an_address_where_it_takes_a_name(hub: Hub, weights: Path, tmp_path: Path):
    hub.put("lab/tiny", model_safetensors=weights.read_bytes())
    film = write_video(tmp_path / "street.mp4", 2, size_hw=(48, 64))
    command = [sys.executable, "-m", "streamdeq", "run", film, "--model", "hf://lab/tiny", "--save", tmp_path / "out"]
    done = forked.run([*command, "--quiet"], cwd=tmp_path, env={**os.environ}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out" / "street.mp4").is_file()
    missing = [*command[:-3], "hf://lab/tyni", "--save", tmp_path / "none"]
    done = forked.run(missing, cwd=tmp_path, env={**os.environ}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("streamdeq: hf://lab/tyni: no such repository")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "none").exists()


def test_without_the_extra_it_is_one_line_that_installs_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.setattr("streamdeq.models.hub.find_spec", lambda name: None)
    assert refusal("hf://lab/tiny").endswith("pip install 'streamdeq[hub]'")


def test_the_card_of_a_packaged_model_says_what_the_hub_and_a_reader_ask_for():
    spec = read_spec(zoo.find("camvid-s"))
    text = model_card(spec, "lab/camvid-s")
    _, head, body = text.split("---\n", 2)
    data = yaml.safe_load(head)
    assert (data["license"], data["pipeline_tag"], data["library_name"]) == (
        "cc-by-nc-4.0",
        "image-segmentation",
        "streamdeq",
    )
    [indexed] = data["model-index"]
    figures = {one["name"]: one["value"] for result in indexed["results"] for one in result["metrics"]}
    assert figures == dict(spec.provenance.metrics)
    for told in (*spec.classes, spec.provenance.data, spec.provenance.licence, spec.provenance.trained_with):
        assert told in body
    assert "**Not for commercial use.**" in body


def test_a_licence_is_named_as_the_hub_does_only_where_the_description_begins_with_it():
    assert hub_licence("CC BY-NC-SA 4.0 (LICENSE of the repository)") == "cc-by-nc-sa-4.0"
    assert hub_licence("MOTChallenge publishes its data under CC BY-NC-SA 3.0 (not verified).") == "other"
    assert hub_licence("") is None


def test_an_address_is_written_as_it_is_read():
    for text in ("hf://a/b", "hf://a/b@v1.0", "hf://a/b@refs/pr/3/x/y.safetensors", "hf://a-b/c.d_e/f.safetensors"):
        assert str(Address.of(text)) == text


def test_a_model_without_figures_has_a_card_without_a_table(tmp_path: Path, weights: Path):
    spec, tensors = read_weights(weights)
    bare = replace(spec, provenance=Provenance())
    save_weights(tmp_path / "bare.safetensors", load_network(bare, tensors, "bare"), bare)
    text = model_card(read_spec(tmp_path / "bare.safetensors"), "lab/bare")
    assert "model-index" not in text
    assert "## Figures" not in text
    assert "No licence is stated." in text
