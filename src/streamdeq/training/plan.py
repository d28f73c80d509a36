"""What a step of a recipe does between f and the loss: how deep, how differentiated, with which penalty.

A plan is a pure function of (recipe, step). Knows neither network nor data.
"""

from dataclasses import dataclass

from torch import Tensor

from streamdeq.implicit import Differentiation, Implicit, Unroll, gaussian, jacobian_penalty
from streamdeq.latent import Latent
from streamdeq.solvers import FixedPointMap, make_solver
from streamdeq.training.randomness import generator
from streamdeq.training.recipe import Penalty, Recipe


@dataclass(frozen=True)
class Plan:
    """One step's choices.

    Args:
        iterations: applications of f, or iterations of the solver.
        how: finds the latent that the head reads, and its gradient.
        weight: factor of the Jacobian penalty; 0 for a step without.
        vectors: Gaussian vectors it is estimated with.
    """

    iterations: int
    how: Differentiation
    weight: float = 0.0
    vectors: int = 2

    def solve(self, f: FixedPointMap, start: Latent) -> Latent:
        return self.how(f, start, self.iterations)

    def penalty(self, f: FixedPointMap, z: Latent) -> Tensor | None:
        """The Jacobian penalty at `z`, averaged over the batch and without its factor; None in a step without."""
        if not self.weight:
            return None
        return jacobian_penalty(f, z, [gaussian(z) for _ in range(self.vectors)]).mean()


def plan_step(recipe: Recipe, step: int) -> Plan:
    """The plan of optimiser step `step` (the first is 0)."""
    weight = penalty_weight(recipe, step)
    vectors = recipe.penalty.vectors if recipe.penalty else 0
    if step < recipe.pretrain.steps:
        return Plan(recipe.pretrain.stacked, Unroll(), weight, vectors)
    iterations, how = solving(recipe, step)
    return Plan(iterations, how, weight, vectors)


def solving(recipe: Recipe, index: int) -> tuple[int, Differentiation]:
    """The `index`-th draw of iterations, and the differentiation to go with it, whatever the warm-up says."""
    iterations, il = recipe.unroll.draw(recipe.seed, index), recipe.implicit
    if il is None:
        return iterations, Unroll(recipe.grad_last)
    return iterations, Implicit(make_solver(il.solver, iterations), il.backward, il.tolerance)


def penalty_weight(recipe: Recipe, step: int) -> float:
    """The penalty's factor in step `step`, 0 where it is not applied."""
    penalty = recipe.penalty
    if penalty is None or generator(recipe.seed, "penalty", step).random() >= penalty.probability:
        return 0.0
    return _scheduled(penalty, step, recipe.pretrain.steps)


def _scheduled(penalty: Penalty, step: int, pretrain_steps: int) -> float:
    if penalty.stop is not None and step >= penalty.stop:
        return 0.0
    if step < pretrain_steps:
        return penalty.pretrain
    return penalty.weight + penalty.increase * ((step - pretrain_steps) // penalty.every)
