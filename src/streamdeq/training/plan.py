"""What a step of a recipe does between f and the loss: from where, how deep, how differentiated, with which penalty.

A plan is a pure function of (recipe, step).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import torch
from torch import Tensor

from streamdeq.data.randomness import generator
from streamdeq.implicit import Differentiation, Implicit, Phantom, Unroll, gaussian, jacobian_penalty
from streamdeq.latent import Latent
from streamdeq.solvers import FixedPointMap, make_solver
from streamdeq.training.recipe import Penalty, Recipe, Streaming


class StartKind(StrEnum):
    """What a step's applications begin with."""

    ZEROS = "zeros"
    WARM = "warm"
    CUT = "cut"
    NOISE = "noise"


@dataclass(frozen=True)
class StepPlan:
    """One step's choices.

    Args:
        iterations: applications of f, or iterations of the solver, up to the first latent with a loss.
        how: finds that latent, and its gradient.
        losses: weights of the losses after it and after each further application, summing to 1.
        start: where the solve begins.
        before: applications to the picture that a warm start, or one at a cut, comes from.
        distil: factor of the distance to where `settle` further applications lead; 0 for a step without.
        weight: factor of the Jacobian penalty; 0 for a step without.
        vectors: Gaussian vectors it is estimated with.
        frozen: the backbone is not trained: no gradient flows through f.
    """

    iterations: int
    how: Differentiation
    losses: tuple[float, ...] = (1.0,)
    start: StartKind = StartKind.ZEROS
    before: int = 0
    distil: float = 0.0
    settle: int = 0
    weight: float = 0.0
    vectors: int = 2
    frozen: bool = False

    @property
    def depth(self) -> int:
        """Applications, or iterations, from the start to the last loss."""
        return self.iterations + len(self.losses) - 1

    def begin(self, zeros: Latent, before: Callable[[], tuple[FixedPointMap, Latent]]) -> Latent:
        """The start of the solve, without gradient; `before` is asked for the other picture's f and zeros."""
        if self.start is StartKind.ZEROS:
            return zeros
        if self.start is StartKind.NOISE:
            return gaussian(zeros)
        with torch.no_grad():
            f, z = before()
            for _ in range(self.before):
                z = f(z)
        return z

    def solve(self, f: FixedPointMap, start: Latent) -> tuple[Latent, ...]:
        """The latents to take the losses at, in the order of `losses`."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            path = [self.how(f, start, self.iterations)]
            for _ in self.losses[1:]:
                path.append(f(path[-1]))
        return tuple(path)

    def distance(self, f: FixedPointMap, path: tuple[Latent, ...]) -> Tensor | None:
        """The relative squared distance to the model's own fixed point, averaged over the batch and over the path as
        the losses are; without its factor, and None in a step without."""
        if not self.distil:
            return None
        with torch.no_grad():
            goal = path[-1].detach()
            for _ in range(self.settle):
                goal = f(goal)
            size = goal.dot(goal)
        gaps = [z - goal for z in path]
        return torch.stack([w * (gap.dot(gap) / size).mean() for w, gap in zip(self.losses, gaps, strict=True)]).sum()

    def penalty(self, f: FixedPointMap, z: Latent) -> Tensor | None:
        """The Jacobian penalty at `z`, averaged over the batch and without its factor; None in a step without."""
        if not self.weight:
            return None
        return jacobian_penalty(f, z, [gaussian(z) for _ in range(self.vectors)]).mean()


def plan_step(recipe: Recipe, step: int) -> StepPlan:
    """The plan of optimiser step `step` (the first is 0)."""
    plan = _plan(recipe, step)
    return replace(plan, frozen=True, weight=0.0, distil=0.0) if step < recipe.freeze else plan


def _plan(recipe: Recipe, step: int) -> StepPlan:
    weight = penalty_weight(recipe, step)
    vectors = recipe.penalty.vectors if recipe.penalty else 0
    if step < recipe.pretrain.steps:
        return StepPlan(recipe.pretrain.stacked, Unroll(), weight=weight, vectors=vectors)
    if recipe.streaming:
        return replace(_streaming(recipe, recipe.streaming, step), weight=weight, vectors=vectors)
    iterations, how = solving(recipe, step)
    return StepPlan(iterations, how, weight=weight, vectors=vectors)


def start_of(recipe: Recipe, step: int) -> StartKind:
    """Where the solve of optimiser step `step` begins."""
    streaming = recipe.streaming
    if streaming is None or step < recipe.pretrain.steps:
        return StartKind.ZEROS
    place = generator(recipe.seed, "start", step).random()
    for start, share in (
        (StartKind.WARM, streaming.warm),
        (StartKind.CUT, streaming.cut),
        (StartKind.NOISE, streaming.noise),
    ):
        if place < share:
            return start
        place -= share
    return StartKind.ZEROS


def _streaming(recipe: Recipe, streaming: Streaming, step: int) -> StepPlan:
    start, seed = start_of(recipe, step), recipe.seed
    if start in (StartKind.WARM, StartKind.CUT):
        depth, before = streaming.after.draw(seed, step, "after"), streaming.before.draw(seed, step, "before")
        graded = depth
    else:
        depth, before = recipe.unroll.draw(seed, step), 0
        graded = min(depth, recipe.grad_last or depth)
    if streaming.decay:
        shares = [streaming.decay ** (graded - 1 - i) for i in range(graded)]
        losses = tuple(share / sum(shares) for share in shares)
    else:
        losses = (1.0,)
    iterations = depth - len(losses) + 1
    how = Unroll(graded - len(losses) + 1)
    return StepPlan(iterations, how, losses, start, before, streaming.distil, streaming.settle)


def solving(recipe: Recipe, index: int) -> tuple[int, Differentiation]:
    """The `index`-th draw of iterations, and the differentiation to go with it, whatever the warm-up says."""
    iterations, il = recipe.unroll.draw(recipe.seed, index), recipe.implicit
    if il is None:
        return iterations, Unroll(recipe.grad_last)
    solver = make_solver(il.solver, iterations)
    if il.phantom:
        return iterations, Phantom(il.phantom, il.damping, solver)
    return iterations, Implicit(solver, il.backward, il.tolerance)


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
