"""Best so far: answer with the lowest residual seen. Knows no solver in particular."""

from dataclasses import dataclass

from streamdeq.latent import Latent
from streamdeq.solvers.wrapper import AnswerAtLowest


@dataclass(frozen=True)
class BestSoFar(AnswerAtLowest):
    """The answer is the evaluated point of lowest absolute residual, the start included.

    For the M-th iterate to have been evaluated, M iterations are M + 1 evaluations whatever the solver.
    """

    def evaluations(self, iterations: int) -> int:
        return iterations + 1

    def candidate(self, point: Latent, value: Latent) -> Latent:
        return point
