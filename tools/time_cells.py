"""Milliseconds of one application of f, and of the injection, for MDEQ's and the lite cell at several widths.

One thread, batch 1, bfloat16 where the processor computes in it; the cells take turns, so that whatever else the
machine does falls on all alike. Processor time, not wall time.

    OMP_NUM_THREADS=1 python tools/time_cells.py
"""

from time import process_time

import numpy as np
import torch

from streamdeq.models.architecture import Architecture
from streamdeq.models.mdeq import MDEQ
from streamdeq.runtime.precision import pick_dtype

CANVAS_HW = (192, 256)
TURNS, APPLICATIONS = 30, 3
NARROW, WIDE = (16, 32, 64, 128), (32, 64, 128, 256)
ARCHITECTURES = {
    "mdeq, 16 channels, expansion 4": Architecture(NARROW, 4, 4),
    "lite, 16 channels, expansion 4": Architecture(NARROW, 4, 4, "lite", injected=4),
    "mdeq, 32 channels, expansion 4": Architecture(WIDE, 4, 4),
    "lite, 32 channels, expansion 4": Architecture(WIDE, 4, 4, "lite", injected=4),
    "lite, 32 channels, expansion 2": Architecture(WIDE, 4, 2, "lite", injected=4),
}


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    dtype = pick_dtype("auto", torch.device("cpu"))
    backbones = {}
    for name, architecture in ARCHITECTURES.items():
        backbones[name] = MDEQ(architecture).eval()
        backbones[name].fold()
        backbones[name].to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.randn(1, 3, *CANVAS_HW).to(dtype, memory_format=torch.channels_last)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in backbones}
    for _ in range(TURNS):
        for name, backbone in backbones.items():
            times[name].append(_turn(backbone, x))
    for name, seconds in times.items():
        inject, step = 1e3 * np.median(np.array(seconds), axis=0)
        millions = sum(p.numel() for p in backbones[name].parameters()) / 1e6
        print(f"{name}: {step:.2f} ms per application, {inject:.2f} ms per injection, {millions:.2f} M parameters")


def _turn(backbone: MDEQ, x: torch.Tensor) -> tuple[float, float]:
    """Seconds of an injection and of an application."""
    began = process_time()
    injection = backbone.inject(x)
    injected = process_time()
    f = backbone.bind(injection)
    z = f(backbone.zeros(injection).to(memory_format=torch.channels_last))
    started = process_time()
    for _ in range(APPLICATIONS):
        z = f(z)
    return injected - began, (process_time() - started) / APPLICATIONS


if __name__ == "__main__":
    main()
