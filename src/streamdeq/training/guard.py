"""Notices a run that diverges. Knows losses and gradient norms, no network."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from streamdeq.errors import StreamdeqError


@dataclass
class Guard:
    """Counts bad steps in a row: a non-finite loss or gradient, or a loss far above the untrained network's.

    The untrained level is the mean loss of the first `warm` steps; a guess at random is never much worse than it.
    """

    patience: int = 25
    factor: float = 2.0
    warm: int = 5
    bad: int = 0
    skipped: int = 0
    seen: int = 0
    level: float = 0.0

    def usable(self, loss: float, grad_norm: float) -> bool:
        """Record a step; False when its update must not be made.

        Raises:
            StreamdeqError: the run has diverged.
        """
        finite = math.isfinite(loss) and math.isfinite(grad_norm)
        if finite and self.seen < self.warm:
            self.level += loss / self.warm
            self.seen += 1
        exploded = self.seen == self.warm and loss > self.factor * self.level
        self.bad = self.bad + 1 if exploded or not finite else 0
        self.skipped += not finite
        if self.bad >= self.patience:
            what = f"the loss is {loss:.3g}" if finite else "loss or gradient is not finite"
            start = f", {self.level:.3g} at the start" if self.seen == self.warm else ""
            raise StreamdeqError(
                f"training diverged: {what}{start}, {self.bad} bad steps in a row; the last good checkpoint is "
                "kept; use a smaller optimizer.lr"
            )
        return finite

    @property
    def healthy(self) -> bool:
        """Whether the state after the last step is worth keeping."""
        return self.bad == 0

    def dump(self) -> dict[str, Any]:
        return {name: asdict(self)[name] for name in ("bad", "skipped", "seen", "level")}

    def load(self, dumped: dict[str, Any]) -> None:
        for name, value in dumped.items():
            setattr(self, name, value)
