"""What a run takes at its peak, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.making_videos import picture, write_video

HW = (2160, 3840)

#: `streamdeq ARGUMENTS`, then a line of JSON: resident memory after each answer and at its peak, and modules that came
#: in after the third answer.
RUN = """
import json, os, sys
import streamdeq.running.run as running

loaded, resident = set(), []
process = running.Run._process

def watched(self, *given):
    for number, result in enumerate(process(self, *given)):
        if number == 2:
            loaded.update(sys.modules)
        with open("/proc/self/statm") as file:
            resident.append(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6)
        yield result

running.Run._process = watched
from streamdeq.cli.main import COMMANDS, build, guarded
code = guarded(build(COMMANDS), sys.argv[1:])
peak = next(int(line.split()[1]) * 1024 / 1e6 for line in open("/proc/self/status") if line.startswith("VmHWM"))
late = sorted(set(sys.modules) - loaded)
told = {"code": code, "peak_mb": peak, "resident_mb": resident, "late": late, "modules": sorted(sys.modules)}
print(json.dumps(told))
"""


def measured(*arguments: str) -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, "-c", RUN, "run", *arguments, "--quiet"],
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert run.stdout, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 frames of 4K with something in them, encoded as films are."""
    first = picture(0, HW)
    grain = np.random.default_rng(0).integers(0, 24, HW, dtype=np.uint8)[..., None]

    def draw(number: int, size_hw: tuple[int, int]) -> np.ndarray:
        return np.roll(first, 40 * number, axis=1) // 8 * 7 + np.roll(grain, 17 * number, axis=0)

    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return write_video(path, 20, size_hw=HW, draw=draw, codec_options={"preset": "veryfast"})


@pytest.mark.slow
def test_a_film_of_4k_takes_at_most_1200_mb_with_everything_written(film: Path, tmp_path: Path):
    told = measured(str(film), "--save", str(tmp_path))
    assert told["code"] == 0
    assert len((tmp_path / "film.jsonl").read_text().splitlines()) == 20
    assert told["peak_mb"] <= 1200


def test_a_run_loads_neither_what_others_need_nor_anything_at_its_end(tmp_path: Path):
    path = write_video(tmp_path / "clip.mp4", 6)
    told = measured(str(path), "--save", str(tmp_path / "out"), "--write", "video,jsonl,png")
    assert told["code"] == 0
    # 200 MB, and two seconds; a detector needs the first, and with it the second.
    assert not {"torchvision", "torch._dynamo", "sympy", "triton"} & set(told["modules"])
    assert told["late"] == []  # there may be no descriptor left to read a module with


@pytest.mark.slow
@pytest.mark.parametrize(("count", "longest"), [(50, 2400), (300, 700)])
def test_pictures_of_as_many_sizes_take_no_more_memory_the_more_there_are(tmp_path: Path, count: int, longest: int):
    rng = np.random.default_rng(count)
    for number in range(count):
        # The largest first: it decides what the film takes.
        width, height = rng.integers(longest // 4, longest, 2).tolist() if number else (longest, longest)
        Image.new("RGB", (width, height), (number % 256, 90, 40)).save(tmp_path / f"{number:03d}.jpg")
    told = measured(str(tmp_path), "--save", str(tmp_path / "out"))
    resident = told["resident_mb"]
    assert (told["code"], len(resident)) == (0, count)
    middle = count // 2
    assert max(resident[middle:]) - max(resident[:middle]) < 60
    assert told["peak_mb"] <= 1200
