"""How the threads that compute wait for work: asleep, so that several programs share a machine.

OpenMP's threads spin for a while when they have nothing to do: beside another program each spins where the other would
compute.
"""

import os
import sys

#: Any of these in the environment is a choice of how threads wait, and stays.
CHOICES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
#: For GNU's OpenMP, which torch's wheels for Linux bring, and for LLVM's and Intel's.
ASLEEP = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}


def wait_asleep() -> None:
    """Have threads sleep when they wait, here and in child processes, unless the environment has chosen.

    Without effect once torch is imported: OpenMP reads the environment as it is loaded.
    """
    if "torch" not in sys.modules and not any(name in os.environ for name in CHOICES):
        os.environ.update(ASLEEP)


def use(threads: int | None, spared: int = 0) -> None:
    """Compute with so many threads from here on.

    Args:
        threads: None for as many as OpenMP takes: those of the environment, or one per core but for `spared`.
        spared: cores that other work of this program keeps busy.
    """
    if threads is None and (not spared or "OMP_NUM_THREADS" in os.environ):
        return
    import torch

    torch.set_num_threads(threads or max(1, torch.get_num_threads() - spared))


def waiting() -> str:
    """What the environment says about it, and what that means."""
    chosen = {name: os.environ[name] for name in CHOICES if name in os.environ}
    if not chosen:
        return (
            "spinning: torch was imported before streamdeq; set OMP_WAIT_POLICY=PASSIVE where programs share a machine"
        )
    text = " ".join(f"{name}={value}" for name, value in chosen.items())
    asleep = chosen.get("OMP_WAIT_POLICY", "").upper() == "PASSIVE" or "0" in chosen.values()
    return f"{text}: " + ("asleep, programs share the machine" if asleep else "perhaps spinning, at the cost of others")
