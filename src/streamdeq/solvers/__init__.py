"""Find z = f(z), row by row, on explicit state."""

from streamdeq.solvers.answers import BestSoFar, FreeLastStep
from streamdeq.solvers.base import FixedPointMap, Memory, Solver, SolverState, SolverStatus, Spent
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
    "Memory",
    "Picard",
    "Solution",
    "Solver",
    "SolverState",
    "SolverStatus",
    "Spent",
    "Tolerance",
    "Trace",
    "make_solver",
    "resume",
    "solve",
]
