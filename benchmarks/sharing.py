"""How `streamdeq run` shares a machine: alone, two side by side, and beside a neighbour that burns every core.

    python benchmarks/sharing.py FILM [--model camvid-s] [--frames 100] [--policies PASSIVE,ACTIVE]

Told for each `OMP_WAIT_POLICY`: frames per second alone, what share of that each of two keeps, and how many times as
long a frame takes beside the neighbour. Every figure is of processes of its own, which write JSON and no film.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BURN = "while True: sum(range(10000))"


def start(film: Path, folder: Path, chosen: argparse.Namespace, policy: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "streamdeq", "run", str(film), "--model", chosen.model, "--iterations", "1"]
    command += ["--write", "jsonl", "--save", str(folder), "--max-frames", str(chosen.frames), "--quiet"]
    environment = {**os.environ, "OMP_WAIT_POLICY": policy}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def fps(run: subprocess.Popen[str]) -> float:
    """Frames per second by the run's own account, from its first frame on."""
    text, _ = run.communicate()
    found = re.search(r"([\d.]+) fps", text)
    if run.returncode or found is None:
        raise SystemExit(f"the run failed: {text}")
    return float(found[1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("film", type=Path)
    parser.add_argument("--model", default="camvid-s")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--policies", default="PASSIVE,ACTIVE")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for policy in chosen.policies.split(","):
            folder = Path(name) / policy
            alone = fps(start(chosen.film, folder / "alone", chosen, policy))
            pair = [start(chosen.film, folder / str(n), chosen, policy) for n in range(2)]
            each = [fps(run) / alone for run in pair]
            cores = range(os.cpu_count() or 1)
            neighbours = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in cores]
            beside = fps(start(chosen.film, folder / "beside", chosen, policy))
            for neighbour in neighbours:
                neighbour.kill()
                neighbour.wait()
            print(
                f"{policy}: alone {alone:.1f} fps; side by side {each[0]:.2f} and {each[1]:.2f} of that; "
                f"beside a neighbour on {len(neighbours)} cores a frame takes {alone / beside:.2f} times as long",
                flush=True,
            )


if __name__ == "__main__":
    main()
