"""Memory stays flat however long a video is: a real process, its resident memory as the system sees it."""

import subprocess
import sys
from pathlib import Path

import pytest

SOAK = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import numpy as np
import torch
from support.small_models import tiny_model
from streamdeq.running.options import RunOptions
from streamdeq.running.run import Run
from streamdeq.streaming.options import StreamOptions

torch.set_num_threads(1)
total, early = int(sys.argv[3]), 1000

def pictures():
    base = np.random.default_rng(0).integers(0, 256, (48, 400, 3), dtype=np.uint8)
    for t in range(total):
        yield base[:, t % 300 : t % 300 + 64]

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

options = RunOptions(stream=StreamOptions(iterations=1), save=Path(sys.argv[2]), write=("video", "jsonl"))
run = Run(tiny_model(), pictures(), options)
levels = []
with run.results() as results:
    for n, _ in enumerate(results, start=1):
        if n >= early and n % 250 == 0:
            levels.append(resident_mb())
assert run.summary.processed == total
print(levels[0], max(levels), levels[-1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
def test_twenty_thousand_frames_take_no_more_memory_than_one_thousand(tmp_path):
    tests = Path(__file__).parent.parent
    command = [sys.executable, "-c", SOAK, str(tests), str(tmp_path), "20000"]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=1200)
    first, most, last = map(float, told.stdout.split())
    assert most <= 1.05 * first, told.stdout
    assert last >= 0.95 * first, told.stdout
