"""One rank of several short runs: `rank.py OUT`, with torchrun's variables in the environment."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # where pytest finds it

from support.small_runs import TINY, train

from streamdeq.errors import StreamdeqError
from streamdeq.training.parallel import joined
from streamdeq.training.recipe import IL, Fixed, Optimizer, Pretrain

#: Nothing in it depends on who shares a part with whom: BatchNorm is frozen and there is no dropout.
EXACT = replace(
    TINY,
    architecture=replace(TINY.architecture, dropout=0.0),
    batch=4,
    optimizer=Optimizer("sgd", lr=0.02, weight_decay=1e-3),
    freeze_batchnorm=True,
    class_weights="inverse-log-frequency",
)
SOLVED = replace(EXACT, steps=6, unroll=Fixed(4), grad_last=None, implicit=IL(backward=4), pretrain=Pretrain(2, 2))
#: One step, BatchNorm learning.
LEARNING = replace(EXACT, steps=1, ema=0.0, freeze_batchnorm=False)


def main(out: Path) -> None:
    torch.set_num_threads(1)
    with joined(torch.device("cpu")) as ranks:
        train(out / "sur", EXACT, ranks=ranks)
        train(out / "il", SOLVED, ranks=ranks, accumulate=2)
        train(out / "norms", LEARNING, ranks=ranks)
        if ranks.leads:
            os._exit(0)  # without goodbye
        try:
            ranks.any(False)
        except StreamdeqError as error:
            (out / "lost.txt").write_text(str(error))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
