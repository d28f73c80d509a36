"""Run pytest in as many processes as there are processors; each takes the next test file that nobody has taken.

    python tools/run_tests.py --beside "make lint" -m "not slow and not gpu"

Each process is an ordinary pytest: what a test does to signals, descriptors or threads of its process meets no
scheduler's. The first one's output is seen as it comes, the others' when they have ended; then come the tests that
failed, and a summary of all is the last line. A command `--beside` them that fails ends the run.

A process that is ended by a signal (a library's crash) is told; the files it had not done without a failure are run
again by themselves, and what comes of that counts.
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


def ended(codes: list[int], outputs: list[Output], folder: Path) -> tuple[int, list[str], list[str]]:
    """Of the processes that a signal has ended: how many tests of theirs are done, which files are not, and what to
    say."""
    died = {one.process.pid: -code for one, code in zip(outputs, codes, strict=True) if code < 0}
    done, again = 0, []
    for mark in sorted(folder.iterdir()):
        pid, *count = map(int, mark.read_text().split())
        if pid in died and count:
            done += count[0]
        elif pid in died:
            again.append(f"tests/{mark.name.replace('+', '/')}")
    said = [f"a process was ended by {signal.Signals(number).name}" for number in died.values()]
    return done, again, [f"{line}; run again by themselves: {' '.join(again)}" for line in said]


def summary(outputs: list[Output], seconds: float, done: int = 0) -> str:
    """The tests that failed, and one line like pytest's own; `done` have passed in processes that could not say so."""
    texts = [re.sub(r"\x1b\[[\d;]*m", "", one.text()) for one in outputs]
    failed = [line for text in texts for line in re.findall(r"^(?:FAILED|ERROR) .*", text, flags=re.MULTILINE)]
    counts: Counter[str] = Counter(passed=done)
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
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        told["STREAMDEQ_TESTS_TAKEN"] = str(folder)
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
        done, again, said = ended(codes, outputs, folder)
    codes = [code for code in codes if code >= 0]
    if again:
        print("", *said, sep="\n", flush=True)
        told.pop("STREAMDEQ_TESTS_TAKEN")
        options = [one for one in command if one not in given or not Path(ROOT, one).exists()]
        outputs.append(Output([*options, *again], told, shown=True))
        codes.append(outputs[-1].end())
    # 5: of its files no test was asked for.
    codes = [code for code in codes if code != 5] or [5]
    print(*said, summary(outputs, time.monotonic() - began, done), sep="\n")
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
