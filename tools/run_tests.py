"""Run pytest in as many processes as there are processors; each takes the next test file that nobody has taken.

    python tools/run_tests.py --beside "make lint" -m "not slow and not gpu"

Each process is an ordinary pytest: what a test does to signals, descriptors or threads of its process meets no
scheduler's. The first one's output is seen as it comes, the others' when they have ended; then come the tests that
failed, and a summary of all is the last line. A command `--beside` them that fails ends the run.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
#: What a summary counts; pytest's other words (deselected, …) are the same in every process.
WORDS = ("failed", "passed", "skipped", "xfailed", "xpassed", "errors")


class Output:
    """What a process prints, kept; `shown` as it comes or at the end."""

    def __init__(self, command: list[str], told: dict[str, str], shown: bool) -> None:
        self.process = subprocess.Popen(command, cwd=ROOT, env=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.shown, self._kept = shown, bytearray()
        self._reader = Thread(target=self._read, args=(self.process.stdout,))
        self._reader.start()

    def _read(self, pipe: IO[bytes]) -> None:
        while part := os.read(pipe.fileno(), 1 << 16):
            self._kept += part
            if self.shown:
                sys.stdout.buffer.write(part)
                sys.stdout.buffer.flush()

    def end(self) -> int:
        """Wait for its end and show what was not shown; the exit code."""
        code = self.process.wait()
        self._reader.join()
        if not self.shown:
            print(self.text(), flush=True)
        return code

    def text(self) -> str:
        return self._kept.decode(errors="replace").rstrip()


def summary(outputs: list[Output], seconds: float) -> str:
    """The tests that failed, and one line like pytest's own."""
    texts = [re.sub(r"\x1b\[[\d;]*m", "", one.text()) for one in outputs]
    failed = [line for text in texts for line in re.findall(r"^(?:FAILED|ERROR) .*", text, flags=re.MULTILINE)]
    counts: Counter[str] = Counter()
    for text in texts:
        closing = re.findall(r"^.* in [\d.]+s\b.*$", text, flags=re.MULTILINE)[-1:]
        for count, word in re.findall(r"(\d+) (\w+)", "".join(closing)):
            counts["errors" if word == "error" else word] += int(count)
    told = ", ".join(f"{counts[word]} {word}" for word in WORDS if counts[word]) or "no tests ran"
    minutes, rest = divmod(round(seconds), 60)
    return "\n".join([*dict.fromkeys(failed), f" {told} in {seconds:.0f}s ({minutes}:{rest:02}) ".center(80, "=")])


def main() -> int:
    parser = ArgumentParser(description=__doc__, add_help=False, allow_abbrev=False)
    parser.add_argument("--beside")
    own, given = parser.parse_known_args()
    began = time.monotonic()
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # One thread each: processes that compute with several threads would wait for one another. Bytecode is kept: the
    # tests start many processes.
    told = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    told.pop("PYTHONDONTWRITEBYTECODE", None)
    colour = ["--color=yes"] if sys.stdout.isatty() else []
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *colour, *given]
    with ExitStack() as stack:
        told["STREAMDEQ_TESTS_TAKEN"] = stack.enter_context(tempfile.TemporaryDirectory())
        jobs = int(os.environ.get("JOBS", processors))
        outputs = [Output(command, told, shown=not n) for n in range(jobs)]
        if own.beside:
            beside = subprocess.run(own.beside, shell=True, cwd=ROOT, capture_output=True, text=True)
            if beside.returncode:
                for one in outputs:
                    one.process.send_signal(signal.SIGINT)  # in order: they end what they have started
                    one.shown = True
                    one.end()
                print(f"\n{beside.stdout}{beside.stderr}{own.beside}: failed, and the tests were stopped")
                return beside.returncode
        codes = [one.end() for one in outputs]
    # 5: of its files no test was asked for.
    codes = [code for code in codes if code != 5] or [5]
    print(summary(outputs, time.monotonic() - began))
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
