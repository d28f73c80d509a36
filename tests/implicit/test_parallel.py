"""Implicit gradients in data-parallel training, in real processes."""

import os
import subprocess
import sys
from pathlib import Path

import torch
from support import forked

from ..solvers.problems import close
from .ddp_rank import Loss, pictures

SCRIPT = Path(__file__).parent / "ddp_rank.py"
RANKS = 2


def test_two_processes_average_to_the_gradient_of_one_with_the_whole_batch(tmp_path):
    outs = [tmp_path / f"rank{rank}.pt" for rank in range(RANKS)]
    running = [
        forked.Popen(
            [sys.executable, str(SCRIPT), str(rank), str(RANKS), str(tmp_path / "store"), str(out)],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for rank, out in enumerate(outs)
    ]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    model = Loss()
    model(pictures()).backward()
    for out in outs:
        averaged = torch.load(out, weights_only=True)
        assert averaged.keys() == dict(model.named_parameters()).keys()
        for name, parameter in model.named_parameters():
            close(averaged[name], parameter.grad, 1e-8)
