"""Free last step: answer with f(z), which is known wherever z was evaluated. Knows no solver in particular."""

from dataclasses import dataclass

from streamdeq.latent import Latent
from streamdeq.solvers.wrapper import AnswerAtLowest


@dataclass(frozen=True)
class FreeLastStep(AnswerAtLowest):
    """The answer is f(z) = z + g(z) at the evaluated point z of lowest absolute residual, the start included.

    One fixed-point step beyond the best point, for no evaluation. Around Broyden it improves on every answer but
    the first; around undamped Picard it is the last iterate as long as residuals fall.
    """

    def evaluations(self, iterations: int) -> int:
        return self.solver.evaluations(iterations)

    def candidate(self, point: Latent, value: Latent) -> Latent:
        return value
