"""Many mutants through a worker that begins anew after a crash or a hang; what is not as it should be is a finding.

`python -m fuzz.campaign KIND FIRST COUNT` (in tests/) prints findings, and the counts as JSON in the last line.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
SEED = 13
#: Seconds for a mutant, and megabytes of memory.
PATIENCE_S, MOST_MB = 20.0, 2000
GOOD = ("read", "refused")


class Worker:
    """A process that reads mutants of a kind, in a folder of its own."""

    def __init__(self, kind: str, seed: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True)
        self._log = Path(self._folder.name, "log")
        source = str(TESTS.parent / "src")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fuzz.worker", kind, self._folder.name, str(seed)],
            cwd=TESTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log.open("w"),
            env={**os.environ, "PYTHONPATH": os.pathsep.join((source, str(TESTS)))},
            text=True,
        )
        self.answer(120.0)

    def ask(self, number: int) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()
        return self.answer(PATIENCE_S)

    def answer(self, patience_s: float) -> dict[str, Any]:
        """The next line; what there is in its place where none comes."""
        assert self._process.stdout is not None
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            if select.select([self._process.stdout], [], [], 0.2)[0]:
                if line := self._process.stdout.readline():
                    return json.loads(line)
                code = self._process.wait()
                name = signal.Signals(-code).name if code < 0 else f"exit {code}"
                return {"verdict": "crash", "detail": f"{name}: {self._log.read_text()[-2000:]}"}
            if (now := self._memory_mb()) > MOST_MB * 1.5:  # before the machine suffers
                return {"verdict": "memory", "detail": f"{now} MB and more"}
        return {"verdict": "hang", "detail": f"more than {patience_s:.0f} s"}

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def _memory_mb(self) -> int:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next((int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0)


@dataclass
class Outcome:
    """How many mutants came to what, the findings by number, the most memory of one in megabytes, the longest time."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: dict[int, str] = field(default_factory=dict)
    peak_mb: int = 0
    longest_s: float = 0.0


def campaign(kind: str, numbers: Iterable[int], seed: int = SEED) -> Outcome:
    """Read these mutants of a kind."""
    outcome, worker = Outcome(), Worker(kind, seed)
    for number in numbers:
        began = time.monotonic()
        got = worker.ask(number)
        if got.get("peak_mb", 0) > MOST_MB:
            got = {"verdict": "memory", "detail": f"{got['peak_mb']} MB"}
        outcome.counts[got["verdict"]] += 1
        outcome.peak_mb = max(outcome.peak_mb, got.get("peak_mb", 0))
        outcome.longest_s = max(outcome.longest_s, time.monotonic() - began)
        if got["verdict"] not in GOOD:
            outcome.findings[number] = f"{got['verdict']}: {got['detail']}"
        if got["verdict"] in ("crash", "hang", "memory"):
            worker.close()
            worker = Worker(kind, seed)
    worker.close()
    return outcome


def main(kind: str, first: str, count: str) -> None:
    began = time.monotonic()
    outcome = campaign(kind, range(int(first), int(first) + int(count)))
    for number, finding in outcome.findings.items():
        print(f"--- {kind} {number}: {finding}")
    told = {"kind": kind, "first": int(first), "count": int(count), **outcome.counts}
    told |= {"peak_mb": outcome.peak_mb, "longest_s": round(outcome.longest_s, 1)}
    print(json.dumps(told | {"seconds": round(time.monotonic() - began)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
