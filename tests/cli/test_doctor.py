"""`streamdeq doctor` on this machine, on a damaged package and on a broken installation."""

import json
import os
import platform
import subprocess
import sys
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from safetensors import safe_open
from support.small_files import tiny_weights

from streamdeq import __version__
from streamdeq.cli.main import COMMANDS, build, guarded
from streamdeq.doctor import examine, find_extras, torch_build
from streamdeq.models import zoo
from streamdeq.video import abilities as video


def said(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    code = guarded(build(COMMANDS), ["doctor", *options])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def rows(text: str) -> dict[str, str]:
    return {line[:13].strip(): line[13:] for line in text.splitlines()}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the packaged weights are, with one small model in it."""
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    tiny_weights(tmp_path / "tiny.safetensors")
    return tmp_path


def test_a_machine_that_works_is_told_so_with_code_0(folder: Path, capsys: pytest.CaptureFixture[str]):
    code, text, errors = said(capsys)
    assert (code, errors) == (0, "")
    table = rows(text)
    assert table["python"] == platform.python_version()
    assert table["streamdeq"] == __version__
    assert table["torch"].startswith(version("torch"))
    assert table["av"].startswith(version("av"))
    assert table["devices"].startswith("cpu, ")
    assert table["threads wait"]
    assert table["torch is"].startswith("built for C")
    assert "h264 (libx264)" in table["encodes"]
    assert table["weights"].startswith("tiny, 0.")
    assert table["verdict"].startswith("works")


def test_it_says_which_torch_is_there_and_when_a_smaller_one_would_do():
    assert torch_build(None, None, False) == "for CPUs"
    assert torch_build("13.0", None, True) == "for CUDA 13.0"
    assert torch_build(None, "7.1", True) == "for ROCm 7.1"
    assert torch_build("13.0", None, False).startswith("for CUDA 13.0, and no such device is here")


def test_json_says_the_same_to_a_program(folder: Path, capsys: pytest.CaptureFixture[str]):
    code, text, _ = said(capsys, "--json")
    found = json.loads(text)
    assert code == 0
    assert found["problem"] is None
    assert found["versions"]["torchvision"] == version("torchvision")
    assert set(found["imports_s"]) == {"numpy", "torch", "torchvision", "av"}
    assert found["processor"]["cores"] >= 1
    assert found["chosen"]["precision"] in ("fp32", "bf16")
    assert found["video"]["decoders"]["h264"] == "h264"
    with safe_open(folder / "tiny.safetensors", "pt") as file:
        assert found["weights"]["tiny"]["sha256"] == file.metadata()["hash"]


def test_damaged_weights_are_one_line_and_code_2_below_what_was_found(folder: Path, capsys: pytest.CaptureFixture[str]):
    path = folder / "tiny.safetensors"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    code, text, errors = said(capsys)
    assert code == 2
    assert errors == f"streamdeq: {path} is damaged: its tensors do not match the hash it carries; fetch it again\n"
    assert "verdict" not in rows(text)
    assert rows(text)["torch"].startswith(version("torch"))


def test_a_package_without_weights_works_with_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    code, text, _ = said(capsys)
    assert (code, rows(text)["weights"]) == (0, "none packaged: give a file with --model")


@pytest.mark.parametrize("missing", ["torch", "av"])
def test_a_part_that_cannot_be_imported_is_named_with_what_to_do(missing: str):
    program = f"import sys; sys.modules[{missing!r}] = None; from streamdeq.cli.main import main; main()"
    command = [sys.executable, "-c", program, "doctor", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 2
    found = json.loads(done.stdout)
    assert done.stderr == f"streamdeq: {found['problem']}\n"
    assert found["problem"].startswith(f"{missing} cannot be imported: ")
    assert found["problem"].endswith(f"; pip install --force-reinstall {missing}")
    assert found["versions"]["torch"] == version("torch")


def test_extras_are_read_from_the_packages_own_description(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    info = tmp_path / "shop-1.0.dist-info"
    info.mkdir()
    lines = [
        "Metadata-Version: 2.4",
        "Name: shop",
        "Version: 1.0",
        "Provides-Extra: counter",
        "Provides-Extra: window",
        "Requires-Dist: numpy>=2",
        'Requires-Dist: pillow>=11; extra == "counter"',
        'Requires-Dist: no-such-glass>=1; extra == "window"',
        "Requires-Dist: pillow; extra == 'window'",
    ]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_extras("shop") == {
        "counter": {"missing": [], "install": "pip install 'shop[counter]'"},
        "window": {"missing": ["no-such-glass"], "install": "pip install 'shop[window]'"},
    }
    assert find_extras("no-such-shop") == {}


def test_the_extras_of_this_package_are_all_there_where_the_tests_run(folder: Path):
    extras: dict[str, Any] = examine().extras
    assert extras["serve"] == {"missing": [], "install": "pip install 'streamdeq[serve]'"}


def test_a_protocol_that_is_not_there_is_told_from_one_that_is():
    assert video.reads_over("nosuch://127.0.0.1:1/") is False
    found = video.abilities()
    assert found.protocols == {"rtsp": True, "http": True, "https": True, "tcp": True, "udp": True}


@pytest.mark.parametrize("name", video.CODECS)
def test_a_codec_that_is_said_to_be_there_writes_andreads_over(name: str):
    found = video.abilities()
    encoder, decoder = found.encoders[name], found.decoders[name]
    if encoder is None or decoder is None:
        pytest.skip(f"this PyAV has no {name}")
    writing = av.CodecContext.create(encoder, "w")
    writing.width = writing.height = 64
    writing.pix_fmt, writing.time_base, writing.framerate = "yuv420p", Fraction(1, 25), Fraction(25)
    picture = np.full((64, 64, 3), 128, np.uint8)
    packets = []
    for index in range(3):
        frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
        frame.pts = index
        packets += writing.encode(frame)
    packets += writing.encode(None)
    reading = av.CodecContext.create(decoder, "r")
    frames = [frame for packet in packets for frame in reading.decode(packet)] + reading.decode(None)
    assert len(frames) == 3
    assert np.abs(frames[-1].to_ndarray(format="rgb24").astype(int) - 128).max() < 8
