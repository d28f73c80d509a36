"""Differentiate through a few damped applications at the fixed point."""

from dataclasses import dataclass, field

from streamdeq.errors import StreamdeqError
from streamdeq.implicit.base import Differentiation, fixed_point
from streamdeq.latent import Latent
from streamdeq.solvers import FixedPointMap, Picard, Solver


@dataclass(frozen=True)
class Phantom(Differentiation):
    """The phantom gradient (Geng et al. 2021): a solve without gradient, then `steps` times z ← (1 − τ)·z + τ·f(z)
    with one, τ the damping.

    At a fixed point the gradient is the implicit one with (I − J)⁻¹ cut to τ·Σ ((1 − τ)·I + τ·J)ᵏ, k < steps. One
    undamped step is the Jacobian-free gradient (JFB, Fung et al. 2022).
    """

    steps: int = 1
    damping: float = 1.0
    solver: Solver = field(default_factory=Picard)

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise StreamdeqError(f"a phantom gradient needs 1 step or more, got {self.steps}")
        if not 0.0 < self.damping <= 1.0:
            raise StreamdeqError(f"damping must be above 0 and at most 1, got {self.damping}; 1 is undamped")

    def __call__(self, f: FixedPointMap, z0: Latent, iterations: int) -> Latent:
        z = fixed_point(f, self.solver, z0, iterations)
        for _ in range(self.steps):
            z = f(z) if self.damping == 1.0 else z.lerp(f(z), self.damping)
        return z
