"""The process that reads mutants: a number a line comes in, its verdict goes out. It may die, or hang: others watch."""

import faulthandler
import json
import os
import sys
import traceback
import warnings
from pathlib import Path
from random import Random

import torch

from fuzz.kinds import KINDS, AccountingError
from streamdeq.errors import StreamdeqError


def peak_mb() -> int:
    """The most memory since the last call."""
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    Path("/proc/self/clear_refs").write_text("5")
    return int(peak.split()[1]) // 1024


def verdict(kind: object, seed: int, number: int) -> tuple[str, str]:
    try:
        kind.read(Random(f"{seed}/{type(kind).__name__}/{number}"))
    except StreamdeqError as error:
        text = str(error)
        return ("refused", text[:200]) if text.isprintable() else ("traceback", f"not to be shown: {text!a}")
    except AccountingError as error:
        return "accounting", str(error)
    except BaseException:
        return "traceback", traceback.format_exc()
    return "read", ""


def main(name: str, folder: str, seed: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed
    faulthandler.enable()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    kind = KINDS[name](Path(folder))
    print(json.dumps({"ready": peak_mb()}), file=answers, flush=True)
    for line in sys.stdin:
        word, detail = verdict(kind, int(seed), int(line))
        print(json.dumps({"verdict": word, "detail": detail, "peak_mb": peak_mb()}), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
