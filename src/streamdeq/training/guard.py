"""Notices a run that diverges.

With weight norm and group norm a learning rate far too high seldom ends in NaN: the loss jumps up, or falls back to
what a guess costs, and stays there. So the smoothed loss is compared with the untrained network's level.
"""

import math
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError


@dataclass(frozen=True)
class Limits:
    """A step is bad when loss or gradient is not finite, when the smoothed loss is above `explosion` times the
    untrained level, or when `lost` of the progress from that level to the best is gone again.

    `patience` bad steps in a row are a divergence; the level is what `begin` says, else the first loss. In the `grace`
    steps behind the end of a warm-up, when the loss is suddenly that of another way to find z, only what is not finite
    is bad, and the best is looked for anew.
    """

    explosion: Annotated[
        float, Option("A smoothed loss above so many times the untrained one is a divergence.", name="guard_explosion")
    ] = 1.25
    lost: Annotated[float, Option("So is one that has lost this share of the progress.", name="guard_lost")] = 0.8
    patience: Annotated[int, Option("After so many such steps in a row.", name="guard_patience", least=1)] = 20
    grace: Annotated[
        int, Option("But not in so many steps behind the end of a stacked warm-up.", name="guard_grace", least=0)
    ] = 1000
    smoothing: float = 0.9


@dataclass
class Guard:
    """What has been seen of a run. Its fields are part of the checkpoint."""

    bad: int = 0
    skipped: int = 0
    seen: int = 0
    level: float = 0.0
    smoothed: float = 0.0
    best: float = math.inf
    finite: bool = True
    grace: int = 0

    def begin(self, level: float) -> None:
        """Tell the untrained network's loss: one batch's says little, and that of weights to begin with nothing."""
        self._follow(level, Limits())

    def switch(self, limits: Limits = Limits()) -> None:
        """Tell that from the next step on the loss is of another way to find z: the warm-up is over."""
        self.grace, self.best, self.bad = limits.grace, math.inf, 0

    def usable(self, loss: float, grad_norm: float, limits: Limits = Limits()) -> bool:
        """Record a step; False when its update must not be made.

        Raises:
            StreamdeqError: the run has diverged.
        """
        finite = math.isfinite(loss) and math.isfinite(grad_norm)
        if finite:
            self._follow(loss, limits)
        self.skipped += not finite
        lost, self.grace = not self.grace and self._lost(limits), max(0, self.grace - 1)
        self.bad = self.bad + 1 if not finite or lost else 0
        self.finite = finite
        if self.bad >= limits.patience:
            raise self._diverged()
        return finite

    def finish(self) -> None:
        """The run has come to its last step.

        Raises:
            StreamdeqError: among bad steps. A single one may be its batch's fault.
        """
        if self.bad > 1:
            raise self._diverged()

    @property
    def healthy(self) -> bool:
        """Whether the state after the last step is worth keeping."""
        return self.bad == 0

    def dump(self) -> dict[str, Any]:
        """JSON values (no infinity: JSON has none)."""
        return {name: value for name, value in asdict(self).items() if value != math.inf}

    def _diverged(self) -> StreamdeqError:
        what = f"a loss around {self.smoothed:.3g}" if self.finite else "a loss or gradient that is not finite"
        level = f" (untrained it was {self.level:.3g})" if self.seen else ""
        return StreamdeqError(
            f"training diverged: {what}{level} for {self.bad} steps; the last good checkpoint is kept; "
            "try a smaller optimizer.lr"
        )

    def _follow(self, loss: float, limits: Limits) -> None:
        self.seen += 1
        if self.seen == 1:
            self.level = self.smoothed = loss
        if self.grace and self.grace == limits.grace:  # the first one behind the warm-up
            self.smoothed = loss
        self.smoothed = limits.smoothing * self.smoothed + (1 - limits.smoothing) * loss
        self.best = math.inf if self.grace else min(self.best, self.smoothed)

    def _lost(self, limits: Limits) -> bool:
        # Little progress is not worth comparing with: it could be noise.
        progress = self.level - self.best if self.best < 0.75 * self.level else 0.0
        worst = self.best + limits.lost * progress if progress else limits.explosion * self.level
        return self.smoothed > worst
