"""Weights that are not for commerce say so once to each user, on the error output."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from support import forked
from support.making_videos import write_video
from support.small_files import tiny_weights

from streamdeq import load
from streamdeq.models.checkpoint import read_weights, save_weights
from streamdeq.models.licence import forbids_commerce
from streamdeq.models.spec import Ancestor, Provenance
from streamdeq.tasks import load_network


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that is not for commerce, and a user whom nobody has told so."""
    monkeypatch.delenv("STREAMDEQ_LICENCE_NOTICE")
    monkeypatch.setenv("STREAMDEQ_CACHE", str(tmp_path / "cache"))
    return licensed(tmp_path, "CC BY-NC 4.0, cite us.")


def licensed(folder: Path, licence: str, *ancestors: Ancestor) -> Path:
    spec, tensors = read_weights(tiny_weights(folder / "tiny.safetensors"))
    spec = replace(spec, name="lent", provenance=Provenance(licence=licence, ancestors=ancestors))
    save_weights(folder / "lent.safetensors", load_network(spec, tensors, "lent"), spec)
    return folder / "lent.safetensors"


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "streamdeq.licence"]


def test_the_first_use_says_so_and_the_second_does_not(weights: Path, caplog: pytest.LogCaptureFixture):
    load(weights)
    load(weights)
    [line] = told(caplog)
    assert line.startswith("the weights of 'lent' are not for commercial use: CC BY-NC 4.0, cite us (")


def test_another_licence_of_the_same_name_is_told_of_again(
    weights: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    load(weights)
    load(licensed(tmp_path, "research use only"))
    assert len(told(caplog)) == 2


def test_weights_for_everybody_say_nothing(weights: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    load(licensed(tmp_path, "Apache-2.0"))
    assert told(caplog) == []
    assert not (tmp_path / "cache").exists()


def test_own_weights_that_began_with_others_have_their_licence_to_keep(
    weights: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    load(licensed(tmp_path, "my own data", Ancestor("camvid-s", "camvid", "CC BY-NC 4.0")))
    [line] = told(caplog)
    assert "CC BY-NC 4.0 (of camvid-s, which they began with)" in line


def test_a_variable_turns_it_off(weights: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    monkeypatch.setenv("STREAMDEQ_LICENCE_NOTICE", "off")
    load(weights)
    assert told(caplog) == []


def test_of_several_threads_at_once_one_says_so(weights: Path, caplog: pytest.LogCaptureFixture):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(load, [weights] * 4))
    assert len(told(caplog)) == 1


def test_where_it_cannot_be_kept_a_program_says_so_each_time_and_its_workers_do_not(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("STREAMDEQ_CACHE", str(tmp_path / "file"))
    load(weights)
    assert len(told(caplog)) == 1
    monkeypatch.setattr("multiprocessing.parent_process", lambda: object())
    load(weights)
    assert len(told(caplog)) == 1


def test_the_command_line_says_so_beside_its_json_and_not_in_it(weights: Path, tmp_path: Path):
    film = write_video(tmp_path / "street.mp4", 2, size_hw=(48, 64))
    command = [sys.executable, "-m", "streamdeq", "run", film, "--model", weights, "--device", "cpu", "--quiet"]

    def said(save: str) -> tuple[str, str]:
        done = forked.run(
            [*command, "--save", tmp_path / save, "--write", "jsonl"],
            cwd=tmp_path,
            env={**os.environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
        written = "".join(path.read_text() for path in (tmp_path / save).glob("*.json*"))
        assert written
        return done.stdout + written, done.stderr

    first, errors = said("first")
    assert errors.count("\n") == 1
    assert "not for commercial use" in errors
    assert "commercial" not in first
    assert said("second")[1] == ""


@pytest.mark.parametrize(
    ("licence", "forbids"),
    [
        ("CC BY-NC-SA 4.0", True),
        ("Non-commercial research; cite us", True),
        ("noncommercial use", True),
        ("pictures from Flickr with their authors' rights; research use.", True),
        ("Apache-2.0", False),
        ("none needed: rendered by streamdeq itself", False),
        ("repository is MIT; the data's own licence is not stated there.", False),
        ("", False),
    ],
)
def test_what_forbids_commerce_is_read_from_the_words_of_the_licence(licence: str, forbids: bool):
    assert forbids_commerce(licence) is forbids
