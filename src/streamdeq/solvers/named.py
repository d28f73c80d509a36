"""Solvers by the names used on the command line. Knows what a count of iterations means to each."""

from collections.abc import Callable

from streamdeq.registry import Registry
from streamdeq.solvers.base import Solver
from streamdeq.solvers.broyden import Broyden
from streamdeq.solvers.picard import Picard

SOLVERS: Registry[Callable[[int], Solver]] = Registry("solver")
"""Name → the solver for so many iterations per frame."""


@SOLVERS.register("picard")
@SOLVERS.register("unrolled")
def _picard(_iterations: int) -> Solver:
    return Picard()


@SOLVERS.register("broyden")
def _broyden(iterations: int) -> Solver:
    return Broyden(capacity=iterations)


def make_solver(name: str, iterations: int) -> Solver:
    """The solver called `name`, with memory for `iterations` iterations per frame."""
    return SOLVERS[name](iterations)
