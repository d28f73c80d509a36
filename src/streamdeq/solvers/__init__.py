"""Find z = f(z), row by row, on explicit state."""

from streamdeq.solvers.answers import BestSoFar, FreeLastStep
from streamdeq.solvers.base import FixedPointMap, Solver, SolverState, SolverStatus
from streamdeq.solvers.broyden import Broyden
from streamdeq.solvers.loop import Evaluations, Solution, Tolerance, Trace, resume, solve
from streamdeq.solvers.named import ANSWERS, SOLVERS, make_solver
from streamdeq.solvers.picard import Picard

__all__ = [
    "ANSWERS",
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
    "SolverStatus",
    "Tolerance",
    "Trace",
    "make_solver",
    "resume",
    "solve",
]
