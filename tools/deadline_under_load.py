"""Does a deadline hold when the machine gets busy? Runs a model under `--budget-ms`, burns both cores for the middle
third, and reports steps and latencies.

    .venv/bin/python tools/deadline_under_load.py camvid-s --frames 500 --out docs/lab/log/deadline.json

One thread. The budget is 3 times the unloaded median of a whole one-step frame. Frames are a rendered street's.
"""

import argparse
import multiprocessing
import statistics
import time
from pathlib import Path
from typing import Any

import torch

import streamdeq
from streamdeq.data.open import open_dataset
from streamdeq.evaluation.reporting.table import write_json
from streamdeq.streaming.stream import Stream

#: Frames at the start that may miss the deadline: costs are not known yet.
LEARNING = 20


def burn() -> None:
    """Keep one core busy."""
    while True:
        sum(range(100_000))


def measure(name: str, count: int) -> dict[str, Any]:
    """The run, as a dictionary of figures."""
    model = streamdeq.load(name)
    [clip] = open_dataset("synthetic:clips=1,frames=60,size=192x256", "val").clips
    images = [clip.image(t) for t in range(len(clip))]
    latencies, steps = [], []
    burners = [multiprocessing.Process(target=burn, daemon=True) for _ in range(2)]

    def run(stream: Stream, t: int) -> tuple[float, int]:
        began = time.perf_counter()
        result = stream(images[t % len(images)])
        return time.perf_counter() - began, result.status.nfe

    with model.stream(iterations=1) as stream:
        unloaded_s = statistics.median([run(stream, t)[0] for t in range(60)][10:])
    budget_s = 3 * unloaded_s
    with model.stream(iterations=20, budget_ms=budget_s * 1e3) as stream:
        for t in range(count):
            for process in burners:
                if t == count // 3:
                    process.start()
                if t == 2 * count // 3:
                    process.terminate()
            seconds, nfe = run(stream, t)
            latencies.append(seconds)
            steps.append(nfe)
    met = [s <= budget_s for s in latencies[LEARNING:]]
    thirds = [steps[LEARNING : count // 3], steps[count // 3 : 2 * count // 3], steps[2 * count // 3 :]]
    return {
        "model": name,
        "frames": count,
        "budget_ms": budget_s * 1e3,
        "unloaded_one_step_ms": unloaded_s * 1e3,
        "met_percent": 100 * sum(met) / len(met),
        "median_steps_before_during_after": [statistics.median(part) for part in thirds],
        "latency_ms": [round(s * 1e3, 2) for s in latencies],
        "steps": steps,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    told = measure(chosen.model, chosen.frames)
    if chosen.out:
        write_json(told, chosen.out)
    print({key: value for key, value in told.items() if key not in ("latency_ms", "steps")})


if __name__ == "__main__":
    main()
