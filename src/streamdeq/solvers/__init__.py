"""Find z = f(z), row by row, on explicit state. Knows latents; no image, no network, no video."""

from streamdeq.solvers.base import FixedPointMap, Solver, SolverState, Status
from streamdeq.solvers.best import BestSoFar
from streamdeq.solvers.broyden import Broyden
from streamdeq.solvers.free import FreeLastStep
from streamdeq.solvers.loop import Evaluations, Solution, Tolerance, Trace, resume, solve
from streamdeq.solvers.named import SOLVERS, make_solver
from streamdeq.solvers.picard import Picard

__all__ = [
    "SOLVERS",
    "BestSoFar",
    "Broyden",
    "Evaluations",
    "FixedPointMap",
    "FreeLastStep",
    "Picard",
    "Solution",
    "Solver",
    "SolverState",
    "Status",
    "Tolerance",
    "Trace",
    "make_solver",
    "resume",
    "solve",
]
