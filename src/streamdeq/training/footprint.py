"""What a recipe costs before it is run: parameters, operations and memory of a step, `streamdeq train RECIPE --plan`.

A step is taken with tensors that have sizes and no contents, so nothing is computed, and what is alive is added up.
"""

import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from streamdeq.data.base import Dataset
from streamdeq.errors import StreamdeqError
from streamdeq.implicit.recompute import recomputed
from streamdeq.latent import Latent
from streamdeq.models.mdeq import Network
from streamdeq.solvers import FixedPointMap
from streamdeq.tasks import build_network
from streamdeq.training.compute import problem
from streamdeq.training.plan import solving
from streamdeq.training.recipe import Fixed, Recipe, Uniform
from streamdeq.training.setup import spec_of
from streamdeq.values.palette import distinct_colours

#: How many classes, or points, the published data sets have that the recipes are for.
CLASSES = {"segmentation": 19, "detection": 30, "pose": 16, "classification": 1000}
GIB = 2**30
#: Sizes of a GPU's memory that are looked at, and the share of it that tensors get: a library's work space, and what
#: lies between them, takes the rest.
CARDS, USABLE = (16, 24, 40, 80, 141), 0.9
#: Depths from which those of more applications follow: each costs the same.
SHALLOW = (3, 4)
#: Samples at once from which those of more follow: with few the gradients of the weights are most of it.
ROWS = (16, 32)


class Live(TorchDispatchMode):
    """Bytes of the tensors made since it was entered that are alive, `peak` at the most."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given = {key(tensor) for tensor in pytree.tree_leaves((args, kwargs)) if isinstance(tensor, Tensor)}
        for tensor in pytree.tree_leaves(result):
            if isinstance(tensor, Tensor) and key(tensor) not in given:
                self._count(tensor)
        return result

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        number, size = key(tensor), storage.nbytes()
        if number in self._known:
            return

        def gone(_: Any) -> None:
            self.now -= size
            self._known.pop(number, None)

        self._known[number] = weakref.ref(storage, gone)
        self.now += size
        self.peak = max(self.peak, self.now)


def key(tensor: Tensor) -> int:
    """The same for all views of a tensor."""
    return tensor.untyped_storage()._cdata


@dataclass(frozen=True)
class Footprint:
    """Of one optimiser step.

    Args:
        f_flops, flops: of one application of f, and of a step, per sample; a multiply-add is 2.
        sample: bytes per sample that goes through at once, at the deepest.
        fixed: bytes besides: weights, gradients, the optimiser's state, the average.
    """

    recipe: Recipe
    crop_hw: tuple[int, int]
    parameters: int
    f_flops: float
    flops: float
    sample: int
    fixed: int

    @property
    def total(self) -> float:
        """Operations of the whole run. An application of the warm-up costs itself and, for its gradient, twice that."""
        recipe, warm_up = self.recipe, min(self.recipe.pretrain.steps, self.recipe.steps)
        stacked = 3 * recipe.pretrain.stacked * self.f_flops
        return recipe.batch * (self.flops * (recipe.steps - warm_up) + stacked * warm_up)

    def fits(self, gib: int) -> int:
        """Samples at once on a card of so much memory."""
        return max(0, int((USABLE * gib * GIB - self.fixed) // self.sample))

    def lines(self) -> list[str]:
        """For a person."""
        recipe, (height, width) = self.recipe, self.crop_hw
        kept = ", recomputed" if recipe.checkpoint else ""
        said = [
            f"{recipe.name}: {self.parameters / 1e6:.2f} M parameters, {recipe.steps:,} steps of {recipe.batch}",
            f"f: {self.f_flops / 1e9:.1f} GFLOP per sample of {height}x{width}",
            f"a step: {self.flops / 1e12:.2f} TFLOP per sample; all steps: {self.total / 1e18:.1f} EFLOP",
            f"activations: {self.sample / GIB:.2f} GiB per sample in float32{kept}",
            f"weights, gradients, optimiser: {self.fixed / GIB:.2f} GiB",
        ]
        for gib in CARDS:
            samples = min(self.fits(gib), recipe.batch)
            said.append(f"{gib} GiB: {f'{samples} of a batch of {recipe.batch} at once' if samples else 'not one'}")
        return said


def footprint(recipe: Recipe, dataset: Dataset | None = None) -> Footprint:
    """Of a step behind the warm-up, its memory at the deepest, its operations at the mean depth. Without its losses,
    which are small beside f, and for detection without regions.

    Args:
        dataset: how many classes there are; None for the published data set.
    """
    recipe = replace(recipe, init=None)
    spec = spec_of(recipe, dataset or published(recipe))
    with FakeTensorMode():
        network = build_network(spec)
        step = _Step(network, recipe, recipe.crop_hw or _whole(recipe))
        mean, most = (recipe.unroll.n,) * 2 if isinstance(recipe.unroll, Fixed) else _mean_and_most(recipe.unroll)
        flops = step.along(step.flops, mean)
        few, many = (step.along(lambda depth, rows=rows: step.peak(depth, rows), most) for rows in ROWS)
        application = step.application()
    parameters = sum(p.numel() for p in network.parameters())
    copies = 1 + (1 if recipe.optimizer.name == "sgd" else 2) + (1 if recipe.ema else 0)
    sample = (many - few) / (ROWS[1] - ROWS[0])
    # What does not grow with the rows is there once: gradients of weights, kernels.
    fixed = 4 * parameters * copies + max(0, round(few - ROWS[0] * sample))
    return Footprint(recipe, step.crop_hw, parameters, application, flops, round(sample), fixed)


def published(recipe: Recipe) -> Dataset:
    if recipe.task not in CLASSES:
        raise StreamdeqError(f"--plan: expected --data, whose classes {recipe.task} is for, got none")
    number = CLASSES[recipe.task]
    names = tuple(map(str, range(number)))
    return Dataset("published", recipe.task, "train", names, distinct_colours(number), (), "")


def _whole(recipe: Recipe) -> tuple[int, int]:
    """The largest that a whole picture becomes."""
    longest = recipe.longest or 2 * recipe.size
    height, width = (-(-side // recipe.stride) * recipe.stride for side in (recipe.size, longest))
    return height, width


def _mean_and_most(unroll: Uniform) -> tuple[float, int]:
    return (unroll.low + unroll.high) / 2, unroll.high


@dataclass(frozen=True)
class _Step:
    """A step of a recipe on samples of one size, without contents."""

    network: Network
    recipe: Recipe
    crop_hw: tuple[int, int]

    def along(self, cost: Callable[[int], int], depth: float) -> float:
        """A cost at a depth, from two small ones where every application is alike."""
        if self.recipe.implicit or depth <= SHALLOW[1] or self.recipe.grad_last:
            return cost(round(depth))
        first, second = map(cost, SHALLOW)
        return first + (depth - SHALLOW[0]) * (second - first)

    def flops(self, depth: int) -> int:
        """Of one sample."""
        with FlopCounterMode(display=False) as operations:
            self._run(depth, 1)
        return operations.get_total_flops()

    def peak(self, depth: int, rows: int) -> int:
        """Bytes alive at the most, but for the weights."""
        self.network.zero_grad(set_to_none=True)
        with Live() as live:
            self._run(depth, rows)
        return live.peak

    def application(self) -> int:
        """Operations of one application of f on one sample."""
        f, zeros = self._problem(1)
        with FlopCounterMode(display=False) as operations, torch.no_grad():
            f(zeros)
        return operations.get_total_flops()

    def _problem(self, rows: int) -> tuple[FixedPointMap, Latent]:
        return problem(self.network, torch.empty(rows, 3, *self.crop_hw))

    def _run(self, depth: int, rows: int) -> None:
        f, zeros = self._problem(rows)
        iterations, how = solving(replace(self.recipe, unroll=Fixed(depth)), 0)
        z = how(recomputed(f) if self.recipe.checkpoint else f, zeros, iterations)
        outputs = pytree.tree_leaves(self.network.head(z))
        loss = torch.stack([output.float().mean() for output in outputs]).sum()
        del z, outputs  # a real loss keeps what it needs
        loss.backward()
