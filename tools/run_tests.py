"""Run pytest in as many processes as there are processors, the test files dealt out among them by size.

    python tools/run_tests.py -m "not slow and not gpu"

Each process is an ordinary pytest: what a test does to signals, descriptors or threads of its process meets no
scheduler's. The first one's output is seen as it comes, the others' when they have ended; a summary is the last line.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: By folder, seconds per kilobyte of test file: rooms whose tests start processes or train take longer.
HEAVY = {"cli": 3.0, "training": 3.0, "docs": 6.0, "edge": 3.0, "runtime": 3.0}


def cost(file: Path) -> float:
    """A guess of how long a file's tests take; only their proportions matter."""
    return file.stat().st_size * HEAVY.get(file.parent.name, 1.0)


def dealt(files: list[Path], hands: int) -> list[list[Path]]:
    """The files in so many lists of about the same cost, the largest first to whoever has least."""
    lists: list[list[Path]] = [[] for _ in range(hands)]
    for file in sorted(files, key=lambda file: (-cost(file), file)):
        min(lists, key=lambda one: sum(map(cost, one))).append(file)
    return [sorted(one) for one in lists if one]


def main() -> int:
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    # One thread each: processes that compute with several threads would wait for one another.
    told = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *sys.argv[1:]]
    with ExitStack() as outputs:
        running = []
        for hand in dealt(files, int(os.environ.get("JOBS", processors))):
            output = outputs.enter_context(tempfile.TemporaryFile()) if running else None  # the first one's is seen
            process = subprocess.Popen([*command, *map(str, hand)], cwd=ROOT, env=told, stdout=output, stderr=output)
            running.append((process, output))
        codes, summaries = [], []
        for process, output in running:
            codes.append(process.wait())
            if output is not None:
                output.seek(0)
                text = output.read().decode(errors="replace").rstrip()
                print(text, flush=True)
                summaries.append(text.splitlines()[-1] if text else "no output")
    if any(codes):
        print(f"exit codes of the processes: {codes}", *summaries, sep="\n")
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
