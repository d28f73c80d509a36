"""Nothing outside guarded places needs Linux, POSIX or x86: the program works where all of that is missing."""

import json
import subprocess
import sys
from pathlib import Path

from support import elsewhere
from support.making_videos import decoded, write_video

import streamdeq


def test_the_program_works_on_a_system_that_has_nothing_of_its_own(tmp_path: Path) -> None:
    film = write_video(tmp_path / "street.mp4", 3, size_hw=(48, 64))
    command = [sys.executable, elsewhere.__file__, film, tmp_path]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["platform"] == "elsewhere"
    assert told["codes"] == {"run": 0, "train": 0, "doctor": 0}, done.stderr
    with streamdeq.load("street-s", device="cpu").stream(iterations=1) as stream:
        assert told["residuals"] == [result.status.residual for result in stream.run(film)]
    assert len(decoded(tmp_path / "out" / "street.mp4")) == 3
    assert (tmp_path / "trained" / "model.safetensors").is_file()
