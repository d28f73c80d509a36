"""A recipe on a training split with the state it has reached, and one optimiser step of it, whatever the task.

A step is a pure function of the state and (seed, step), so a run that was stopped goes on as if it had not been.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePath

import torch
from torch import Tensor

from streamdeq.data.base import Dataset
from streamdeq.data.randomness import torch_seed
from streamdeq.data.sampling import Batch
from streamdeq.implicit.recompute import recomputed
from streamdeq.models.checkpoint import read_weights
from streamdeq.models.licence import tell
from streamdeq.models.mdeq import Network
from streamdeq.models.spec import Ancestor, ModelSpec
from streamdeq.models.transfer import Transfer, transfer
from streamdeq.tasks import build_task
from streamdeq.tasks.objective import Objective
from streamdeq.training import checkpoint
from streamdeq.training.average import WeightAverage, batchnorms, kept_statistics
from streamdeq.training.checkpoint import Data, State
from streamdeq.training.compute import LAYOUT, autocast, problem, settled
from streamdeq.training.guard import Guard
from streamdeq.training.optimizers import build_optimizer, learning_rate, set_learning_rate
from streamdeq.training.plan import StepPlan, plan_step, start_of
from streamdeq.training.recipe import Recipe
from streamdeq.training.run import RunSettings, StepRecord
from streamdeq.training.setup import initial_network, initial_weights, normalised, spec_of, with_before

#: How many parts the untrained network's loss is the mean of: of some tasks a batch costs twice what another does.
LEVEL_PARTS = 8


@dataclass(frozen=True)
class Loss:
    """The task's loss, and what a plan adds to it, without its factor; None where it adds nothing."""

    task: Tensor
    penalty: Tensor | None
    distance: Tensor | None

    def total(self, plan: StepPlan) -> Tensor:
        """What is minimised."""
        total = self.task
        if self.penalty is not None:
            total = total + plan.weight * self.penalty
        if self.distance is not None:
            total = total + plan.distil * self.distance
        return total

    def figures(self) -> Tensor:
        """(3,) without a graph; 0 where it adds nothing."""
        parts = (self.task, self.penalty, self.distance)
        return torch.stack([torch.zeros_like(self.task) if part is None else part.detach() for part in parts])


@dataclass
class Trainer:
    """A recipe on a training split, with the state it has reached."""

    recipe: Recipe
    dataset: Dataset
    run: RunSettings
    spec: ModelSpec
    objective: Objective
    network: Network
    state: State

    @staticmethod
    def build(recipe: Recipe, dataset: Dataset, run: RunSettings) -> "Trainer":
        """At step 0."""
        recipe = settled(recipe, run.device)
        spec = spec_of(recipe, dataset)
        objective = build_task(spec).objective(run.division.recipe(recipe), dataset)
        network = initial_network(spec, recipe.seed)
        network.to(run.device, memory_format=LAYOUT)  # type: ignore[call-overload]
        run.ranks.synchronise_norms(network)
        average = WeightAverage(network, recipe.ema) if recipe.ema else None
        state = State(network, build_optimizer(network, recipe.optimizer), average)
        return Trainer(recipe, dataset, run, spec, objective, network, state)

    @property
    def path(self) -> Path:
        return self.run.folder / checkpoint.NAME

    @property
    def guard(self) -> Guard:
        return self.state.guard

    def initialise(self) -> Transfer | None:
        """Begin with the weights that the recipe names, if any. For a new run: a checkpoint holds its own."""
        self.guard.begin(self._untrained())
        origin = initial_weights(self.recipe)
        if origin is None:
            return None
        source, tensors = read_weights(origin)
        tell(source)
        rows = build_task(self.spec).class_rows
        account = transfer(self.network, self.spec, tensors, source, str(self.recipe.init), rows)
        told = source.provenance
        parent = Ancestor(source.name, told.data, told.licence, account.hash)
        self.state.ancestors = (parent, *told.ancestors)
        if self.state.average:
            self.state.average = WeightAverage(self.network, self.recipe.ema)
        return account

    @torch.no_grad()
    def _untrained(self) -> float:
        """The mean loss that the network has now on the first parts of the run, the same ones for all ranks."""
        self._training_mode()
        torch.manual_seed(torch_seed(self.recipe.seed, "dropout", 0))
        with kept_statistics(self.network):
            plans = [plan_step(self.recipe, n // self.run.division.parts) for n in range(LEVEL_PARTS)]
            losses = [self.loss(self.batch(n), plan).task.item() for n, plan in enumerate(plans)]
        return sum(losses) / LEVEL_PARTS

    def restore(self) -> None:
        """Go back to the checkpoint in the run's folder."""
        checkpoint.load_into(self.path, self.state)

    def save(self) -> None:
        if self.run.ranks.leads:
            data = describe(self.dataset, self.run.data)
            checkpoint.save(self.path, self.state, self.recipe, data, self.run.scoring)

    def batch(self, index: int) -> Batch:
        """Part `index` of the run (without a division: of step `index`): a pure function, callable from any thread."""
        division = self.run.division
        start = start_of(self.recipe, index // division.parts)
        return with_before(division.recipe(self.recipe), start, index, self.objective.batch(index))

    def parts(self, step: int) -> list[Batch]:
        """What this rank has of a step's batch."""
        return [self.batch(index) for index in self.run.division.of_step(step)]

    def step(self, *parts: Batch) -> StepRecord:
        """One optimiser step on this rank's `parts` of the batch of the state's step."""
        began = time.perf_counter()
        recipe, state = self.recipe, self.state
        self._training_mode()
        statistics = [(buffer, buffer.clone()) for buffer in self.network.buffers()]
        plan, rate = plan_step(recipe, state.step), learning_rate(recipe, state.step)
        if 0 < state.step == recipe.pretrain.steps:
            self.guard.switch(self.run.limits)
        set_learning_rate(state.optimizer, rate)

        state.optimizer.zero_grad(set_to_none=True)
        loss, penalty, distance = self._backward(parts, plan)
        limit = recipe.optimizer.clip_norm or float("inf")
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), limit).item()
        usable = self.guard.usable(loss, norm, self.run.limits)
        if usable:
            state.optimizer.step()
            if state.average:
                state.average.update(self.network)
        else:  # nor must BatchNorm remember what it saw
            for buffer, before in statistics:
                buffer.copy_(before)
        state.step += 1
        seconds = time.perf_counter() - began
        state.elapsed_s += seconds
        added = penalty if plan.weight else None, distance if plan.distil else None
        return StepRecord(
            state.step, loss, rate, norm, plan.depth, round(1e3 * seconds, 1), not usable, plan.start, *added
        )

    def _training_mode(self) -> None:
        self.network.train()
        frozen = self.state.step < self.recipe.freeze
        self.network.backbone.requires_grad_(not frozen)
        if frozen:
            self.network.backbone.eval()
        if self.recipe.freeze_batchnorm:
            for norm in batchnorms(self.network):
                norm.eval()

    def _backward(self, parts: Sequence[Batch], plan: StepPlan) -> list[float]:
        """Add up the gradient over the parts of all ranks; the task's loss, the penalty and the distance."""
        ranks, figures = self.run.ranks, torch.zeros(3, device=self.run.device)
        shares = ranks.shares([len(part.images) if part.weight is None else part.weight for part in parts])
        for index, part, share in zip(self.run.division.of_step(self.state.step), parts, shares, strict=True):
            torch.manual_seed(torch_seed(self.recipe.seed, "dropout", index))
            loss = self.loss(part, plan)
            (share * loss.total(plan)).backward()
            figures += share * loss.figures()
        ranks.gather(self.network, figures)
        return figures.tolist()

    def loss(self, batch: Batch, plan: StepPlan) -> Loss:
        """Of one part, with a graph to the network's weights."""
        batch = batch.to(self.run.device)
        with autocast(self.recipe.precision, self.run.device):
            f, zeros = problem(self.network, normalised(batch.images))
            with kept_statistics(self.network):  # which are of real frames
                start = plan.begin(zeros, lambda: problem(self.network, normalised(_there(batch.before))))
            path = plan.solve(recomputed(f) if self.recipe.checkpoint else f, start)
            losses = [
                share * torch.stack(list(self.objective.losses(self.network.head, z, batch.targets).values())).sum()
                for share, z in zip(plan.losses, path, strict=True)
            ]
            return Loss(torch.stack(losses).sum(), plan.penalty(f, path[-1]), plan.distance(f, path))


def _there(pictures: Tensor | None) -> Tensor:
    if pictures is None:
        raise ValueError("the plan starts from other pictures, and the batch has none: make it with `Trainer.batch`")
    return pictures


def describe(dataset: Dataset, spec: str) -> Data:
    """What a checkpoint remembers of its data; `spec` may differ on resume (a moved folder), the rest may not."""
    return Data(spec, dataset.name, dataset.split, dataset.classes, len(dataset.samples), digest(dataset))


def digest(dataset: Dataset) -> str:
    """Of the names of the labelled frames, without the folders that they lie in: these may be renamed."""
    told = sha256()
    for clip, t in dataset.samples:
        told.update(f"{PurePath(clip.name).name}:{t}\n".encode(errors="surrogateescape"))
    return told.hexdigest()[:16]
