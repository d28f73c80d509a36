"""Solvers by the names used on the command line and in recipes: `picard`, `broyden+free`."""

from collections.abc import Callable

from streamdeq.registry import Registry
from streamdeq.solvers.answers import BestSoFar, FreeLastStep
from streamdeq.solvers.base import Solver
from streamdeq.solvers.broyden import Broyden
from streamdeq.solvers.picard import Picard

SOLVERS: Registry[Callable[[int], Solver]] = Registry("solver")
"""Name → the solver for so many iterations per frame."""
SOLVERS.register("picard")(lambda _: Picard())
SOLVERS.register("unrolled")(lambda _: Picard())
SOLVERS.register("broyden")(lambda iterations: Broyden(capacity=iterations))

ANSWERS: Registry[Callable[[Solver], Solver]] = Registry("answer of a solver")
"""What may stand behind a plus: name → the solver with another rule for its answer."""
ANSWERS.register("best")(BestSoFar)
ANSWERS.register("free")(FreeLastStep)


def make_solver(name: str, iterations: int) -> Solver:
    """The solver called `name`, with memory for `iterations` iterations per frame.

    Args:
        name: one of `SOLVERS`, and behind it, each after a plus, any of `ANSWERS`.

    Raises:
        StreamdeqError: an unknown name; the nearest and the choices are shown.
    """
    steps, *answers = name.split("+")
    solver = SOLVERS[steps](iterations)
    for answer in answers:
        solver = ANSWERS[answer](solver)
    return solver
