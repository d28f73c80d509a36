"""The training loop, once for all tasks. Knows neither the task's inside nor how a run is shown.

A step is a pure function of the state and (seed, step), so a run that was stopped goes on as if it had not been.
"""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from streamdeq import __version__
from streamdeq.data.base import Dataset
from streamdeq.models import zoo
from streamdeq.models.checkpoint import read_weights, save_weights
from streamdeq.models.mdeq import Network
from streamdeq.models.spec import ModelSpec
from streamdeq.models.transfer import Transfer, transfer
from streamdeq.training import checkpoint
from streamdeq.training.average import WeightAverage, estimate_statistics
from streamdeq.training.batches import ahead
from streamdeq.training.checkpoint import State
from streamdeq.training.compute import LAYOUT, autocast, problem
from streamdeq.training.guard import Guard
from streamdeq.training.log import RunLog
from streamdeq.training.optimizers import build_optimizer, learning_rate, set_learning_rate
from streamdeq.training.plain import to_plain
from streamdeq.training.plan import Plan, plan_step, solving
from streamdeq.training.randomness import torch_seed
from streamdeq.training.recipe import Recipe
from streamdeq.training.validate import single_frame
from streamdeq.training.work import WORKS, Batch, Work, initial_network, normalised, spec_of

WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class StepRecord:
    """One optimiser step; `step` counts from 1, `grad_norm` is before clipping, `ms` is without waiting for data.

    `loss` is the task's; `jacobian` the penalty without its factor, None in a step without.
    """

    step: int
    loss: float
    lr: float
    grad_norm: float
    unrollings: int
    ms: float
    skipped: bool
    jacobian: float | None = None

    def line(self) -> dict[str, Any]:
        """For the log."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Run:
    """Where and how a recipe runs: nothing in here changes the weights.

    Args:
        folder: gets the checkpoint and the log.
        data: the data set as the user named it.
        checkpoint_every_s: seconds between checkpoints.
        validation: a labelled split to score on, every `validate_every` steps and at the end.
        report: called after every step.
        stop: asked after every step; true ends the run with a checkpoint.
    """

    folder: Path
    data: str
    device: torch.device
    checkpoint_every_s: float = 180.0
    validation: Dataset | None = None
    validate_every: int = 500
    report: Callable[[StepRecord], None] = lambda record: None
    stop: Callable[[], bool] = lambda: False


@dataclass
class Trainer:
    """A recipe on a training split, with the state it has reached."""

    recipe: Recipe
    dataset: Dataset
    run: Run
    spec: ModelSpec
    work: Work
    network: Network
    state: State
    guard: Guard

    @staticmethod
    def build(recipe: Recipe, dataset: Dataset, run: Run) -> "Trainer":
        """At step 0."""
        spec, work = spec_of(recipe, dataset), WORKS[recipe.task](recipe, dataset)
        network = initial_network(spec, recipe.seed)
        network.to(run.device, memory_format=LAYOUT)  # type: ignore[call-overload]
        average = WeightAverage(network, recipe.ema) if recipe.ema else None
        state = State(network, build_optimizer(network, recipe.optimizer), average)
        return Trainer(recipe, dataset, run, spec, work, network, state, Guard())

    @property
    def path(self) -> Path:
        return self.run.folder / checkpoint.NAME

    def initialise(self) -> Transfer | None:
        """Begin with the weights that the recipe names, if any. For a new run: a checkpoint holds its own."""
        origin = self.recipe.init
        if origin is None:
            return None
        source, tensors = read_weights(zoo.find(origin))
        account = transfer(self.network, self.spec, tensors, source, origin)
        if self.state.average:
            self.state.average = WeightAverage(self.network, self.recipe.ema)
        return account

    def restore(self) -> None:
        """Go back to the checkpoint in the run's folder."""
        checkpoint.load_into(self.path, self.state)
        self.guard.load(self.state.guard)

    def save(self) -> None:
        self.state.guard = self.guard.dump()
        about = {"recipe": to_plain(self.recipe), "data": describe(self.dataset, self.run.data)}
        checkpoint.save(self.path, self.state, about)

    def train(self, log: RunLog) -> bool:
        """Run to the recipe's last step; False when stopped before it.

        Either way the checkpoint is of the last step; at the end the weights are written beside it.

        Raises:
            StreamdeqError: diverged, with the last good checkpoint still in place.
        """
        with torch.random.fork_rng(devices=()):
            stopped = self._steps(log)
            if self.guard.healthy:  # else the one before is the last good one, and resuming repeats what follows
                self.save()
            if not stopped:
                self.guard.finish()
                self.export(log)
        return not stopped

    def export(self, log: RunLog) -> None:
        """Write the weights to use: the averaged ones, if any. Trains no more: the network has become them."""
        if self.state.average:
            self.network.load_state_dict(self.state.average.tensors)
            passes = (lambda i=i: self._pass(i) for i in range(self.recipe.statistics))
            estimate_statistics(self.network, passes)
        metrics = self._validate(log)
        about = f"streamdeq {__version__}, {self.state.step} steps, {self.state.elapsed_s:.0f} s"
        spec = self.spec.with_provenance(metrics=metrics, trained_with=about)
        save_weights(self.run.folder / WEIGHTS, self.network, spec)

    def _steps(self, log: RunLog) -> bool:
        state, run = self.state, self.run
        saved_at = time.monotonic()
        for batch in ahead(self.work.batch, range(state.step, self.recipe.steps)):
            record = self.step(batch)
            log.write(record.line())
            run.report(record)
            if state.step == self.recipe.steps:
                break
            if state.step % run.validate_every == 0:
                with state.average.applied(self.network) if state.average else nullcontext():
                    self._validate(log)
            if run.stop():
                return True
            if time.monotonic() - saved_at >= run.checkpoint_every_s and self.guard.healthy:
                self.save()
                saved_at = time.monotonic()
        return False

    def step(self, batch: Batch) -> StepRecord:
        """One optimiser step on `batch`, which must be that of the state's step."""
        began = time.perf_counter()
        recipe, state = self.recipe, self.state
        self.network.train()
        statistics = [(buffer, buffer.clone()) for buffer in self.network.buffers()]
        torch.manual_seed(torch_seed(recipe.seed, "dropout", state.step))
        plan = plan_step(recipe, state.step)
        rate = learning_rate(recipe, state.step)
        set_learning_rate(state.optimizer, rate)

        loss, penalty = self._loss(batch, plan)
        state.optimizer.zero_grad(set_to_none=True)
        (loss if penalty is None else loss + plan.weight * penalty).backward()
        limit = recipe.optimizer.clip_norm or float("inf")
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), limit).item()
        usable = self.guard.usable(loss.item(), norm)
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
        ms = round(1e3 * seconds, 1)
        jacobian = None if penalty is None else penalty.item()
        return StepRecord(state.step, loss.item(), rate, norm, plan.iterations, ms, not usable, jacobian)

    def _loss(self, batch: Batch, plan: Plan) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The task's loss, and the Jacobian penalty without its factor where the plan has one."""
        device = self.run.device
        with autocast(self.recipe.precision, device):
            f, start = problem(self.network, normalised(batch.images.to(device)))
            z = plan.solve(f, start)
            losses = self.work.losses(self.network.head, z, batch.targets.to(device))
            penalty = plan.penalty(f, z)
        return torch.stack(list(losses.values())).sum(), penalty

    def _pass(self, index: int) -> torch.Tensor:
        images = normalised(self.work.plain(index).images.to(self.run.device))
        with autocast(self.recipe.precision, self.run.device):
            f, start = problem(self.network, images)
            iterations, how = solving(self.recipe, index)
            return self.network.head(how(f, start, iterations))

    def _validate(self, log: RunLog) -> dict[str, float]:
        """Log the network's single-frame quality on the validation split, if there is one."""
        split = self.run.validation
        if split is None:
            return {}
        name, scores = single_frame(self.network, self.spec, split, self.recipe.precision, self.run.device)
        rounded = {str(count): round(value, 3) for count, value in scores.items()}
        log.write({"event": "validation", "step": self.state.step, "split": split.split, name: rounded})
        return {f"{name} {split.split} single {count}": value for count, value in rounded.items()}


def describe(dataset: Dataset, spec: str) -> dict[str, Any]:
    """What a checkpoint remembers of its data; `spec` may differ on resume (a moved folder), the rest may not."""
    return {
        "spec": spec,
        "name": dataset.name,
        "split": dataset.split,
        "classes": list(dataset.classes),
        "samples": len(dataset.samples),
    }
