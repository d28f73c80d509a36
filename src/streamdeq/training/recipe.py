"""A training run as one typed value: what is trained, on what, how long, how.

A recipe holds everything that decides the resulting weights and, but for `checkpoint`, nothing that does not: threads,
folders, and how often a checkpoint is written are the run's. Legend: UR/SUR, (stochastically) unrolled training as in
the paper, IL, implicit training there.
"""

from dataclasses import dataclass, field

from streamdeq.codec import Written
from streamdeq.data.augment.motion import Motion
from streamdeq.data.augment.settings import Augment
from streamdeq.data.randomness import generator
from streamdeq.errors import require as _require
from streamdeq.models.architecture import Architecture
from streamdeq.runtime.precision import Precision
from streamdeq.solvers import SOLVERS, make_solver
from streamdeq.tasks import TASKS
from streamdeq.tasks.dense import DenseSettings
from streamdeq.tasks.detection import DetectorSettings
from streamdeq.tasks.pose import PoseSettings
from streamdeq.tasks.segmentation.loss import Ohem
from streamdeq.training.checks import choice as _choice
from streamdeq.training.schedules import Cosine, Schedule


@dataclass(frozen=True)
class Fixed(Written):
    """UR: the same number of unrollings in every step; `unroll=20`."""

    n: int = 20

    @classmethod
    def read(cls, text: str) -> "Fixed":
        return cls(int(text))

    def __post_init__(self) -> None:
        _require(self.n >= 1, "unroll.n", "at least 1", self.n)

    def draw(self, seed: int, step: int, purpose: str = "unroll") -> int:
        return self.n


@dataclass(frozen=True)
class Uniform(Written):
    """SUR: the number of unrollings of a step is uniform in low…high (both included), equal on all ranks;
    `unroll=1..20`.

    With IL the same for the solver's iterations: the published 14 ± 2 is `Uniform(12, 16)`.
    """

    low: int = 1
    high: int = 20

    @classmethod
    def read(cls, text: str) -> "Uniform":
        low, _, high = text.partition("..")
        return cls(int(low), int(high))

    def __post_init__(self) -> None:
        _require(1 <= self.low <= self.high, "unroll", "1 <= low <= high", (self.low, self.high))

    def draw(self, seed: int, step: int, purpose: str = "unroll") -> int:
        return int(generator(seed, purpose, step).integers(self.low, self.high + 1))


@dataclass(frozen=True)
class IL:
    """Implicit training: the fixed point by a solver, its gradient by the implicit function theorem or, cheaper, the
    phantom gradient.

    Args:
        solver: of the forward solve, its iterations are the recipe's `unroll`; the weights are run with it too.
        backward: Broyden iterations of the backward solve.
        tolerance: relative residual at which a sample's backward solve ends early; 0 takes them all.
        phantom: instead of a backward solve, the gradient of so many damped applications at the fixed point; 0: none.
        damping: of those, in (0, 1]; 1 is undamped.
    """

    solver: str = "broyden"
    backward: int = 30
    tolerance: float = 0.0
    phantom: int = 0
    damping: float = 1.0

    def __post_init__(self) -> None:
        _choice(self.solver.split("+")[0], "implicit.solver", SOLVERS)
        make_solver(self.solver, 1)  # refuses what it does not know behind the plus
        _require(self.backward >= 1, "implicit.backward", "at least 1", self.backward)
        _require(self.tolerance >= 0, "implicit.tolerance", "at least 0", self.tolerance)
        _require(self.phantom >= 0, "implicit.phantom", "at least 0", self.phantom)
        _require(0 < self.damping <= 1, "implicit.damping", "in (0, 1]", self.damping)


@dataclass(frozen=True)
class Pretrain:
    """Shallow warm-up: the first `steps` optimiser steps apply f `stacked` times from zeros, all graded, and solve
    nothing."""

    steps: int = 0
    stacked: int = 3

    def __post_init__(self) -> None:
        _require(self.steps >= 0, "pretrain.steps", "at least 0", self.steps)
        _require(self.stacked >= 1, "pretrain.stacked", "at least 1", self.stacked)


@dataclass(frozen=True)
class Streaming:
    """Training for the regime in which the weights are used: starts that are not zeros, few steps from there.

    A step starts from zeros like any other, or, with the probabilities below (equal on all ranks),

    - warm: from the latent that `before` applications reach on a made-up frame before each picture (`motion`),
    - at a cut: from the latent they reach on another picture of the batch,
    - from noise: standard normal numbers;

    without gradient up to there. Warm and after a cut it takes `after` applications, all graded; from noise as many as
    from zeros.

    Args:
        decay: the loss is also taken on the way, after each of the graded applications, with weights
            decay^(k − i) for the i-th of k, scaled to sum 1; 0 takes it after the last alone.
        distil: factor of the relative distance ‖z − z*‖²/‖z*‖², which is added to the loss: z as above, z* where
            `settle` further applications lead, without gradient.
    """

    warm: float = 0.6
    cut: float = 0.0
    noise: float = 0.0
    before: Uniform = field(default_factory=lambda: Uniform(2, 10))
    after: Uniform = field(default_factory=lambda: Uniform(1, 4))
    motion: Motion = field(default_factory=Motion)
    decay: float = 0.0
    distil: float = 0.0
    settle: int = 8

    def __post_init__(self) -> None:
        for name in ("warm", "cut", "noise"):
            _require(0 <= getattr(self, name) <= 1, f"streaming.{name}", "in [0, 1]", getattr(self, name))
        total = self.warm + self.cut + self.noise
        _require(total <= 1, "streaming: warm + cut + noise", "at most 1", total)
        _require(0 <= self.decay <= 1, "streaming.decay", "in [0, 1]", self.decay)
        _require(self.distil >= 0, "streaming.distil", "at least 0", self.distil)
        _require(self.settle >= 1, "streaming.settle", "at least 1", self.settle)


@dataclass(frozen=True)
class Penalty:
    """The Jacobian penalty ‖J‖²/entries, added to the loss of a step with `probability` (equal on all ranks).

    Args:
        weight: its factor when the shallow warm-up is over.
        increase: what is added to the factor whenever `every` steps have passed since then.
        stop: the step from which on there is none; None for never.
        pretrain: its factor during the shallow warm-up.
        vectors: Gaussian vectors per estimate.
    """

    weight: float = 2.5
    increase: float = 0.1
    every: int = 50_000
    probability: float = 0.08
    stop: int | None = None
    pretrain: float = 0.0
    vectors: int = 2

    def __post_init__(self) -> None:
        for name in ("weight", "increase", "pretrain"):
            _require(getattr(self, name) >= 0, f"penalty.{name}", "at least 0", getattr(self, name))
        for name in ("every", "vectors"):
            _require(getattr(self, name) >= 1, f"penalty.{name}", "at least 1", getattr(self, name))
        _require(0 <= self.probability <= 1, "penalty.probability", "in [0, 1]", self.probability)
        _require(self.stop is None or self.stop >= 0, "penalty.stop", "at least 0", self.stop)


@dataclass(frozen=True)
class Optimizer:
    """`adamw` (momentum is its first beta) or `sgd`, which may be `nesterov`'s.

    Norms, biases and weight_g are not decayed, but with `decay_all` (as published).
    """

    name: str = "adamw"
    lr: float = 2e-3
    momentum: float = 0.9
    weight_decay: float = 1e-2
    clip_norm: float | None = 1.0
    nesterov: bool = False
    decay_all: bool = False

    def __post_init__(self) -> None:
        _choice(self.name, "optimizer.name", ("adamw", "sgd"))
        _require(self.lr > 0, "optimizer.lr", "more than 0", self.lr)
        _require(0 <= self.momentum < 1, "optimizer.momentum", "in [0, 1)", self.momentum)
        able = self.name == "sgd" and self.momentum > 0
        _require(able or not self.nesterov, "optimizer.nesterov", "false but for sgd with momentum", self.nesterov)
        _require(self.weight_decay >= 0, "optimizer.weight_decay", "at least 0", self.weight_decay)
        _require(self.clip_norm is None or self.clip_norm > 0, "optimizer.clip_norm", "more than 0", self.clip_norm)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights.

    Args:
        name: what the weights are called.
        architecture: the backbone.
        head: what the task's head leaves open; None for its own defaults, or where it leaves nothing.
        size: the working size, pixels of a picture's shorter side; inference scales to it.
        longest: at most so many pixels of its longer side; None for any number.
        crop_hw: what a training sample is cut to, pixels, multiples of the architecture's stride; None (detection): the
            whole picture, padded to such multiples and to the largest of its part of the batch.
        batch: samples per optimiser step, over all ranks.
        unroll: how many applications of f a step takes; with `implicit`, how many iterations of its solver.
        init: weights, by path or packaged name, that stem, cell and what fits of the head begin with; None: random. The
            name of a recipe asks for the weights that it makes, which have to be given instead.
        grad_last: the gradient flows through this many of them, None for all; with `implicit` it must be None.
        implicit: IL instead of (S)UR.
        pretrain: what the first steps do instead of a solve.
        freeze: in so many first steps the head alone is trained, on what the backbone that `init` gave makes.
        streaming: starts other than zeros, and losses on the way; None for the paper's training.
        penalty: keeps f's Jacobian small; None leaves it alone.
        class_weights: `none`, `inverse-log-frequency`: 1 / ln(1.02 + share of the training pixels) (ENet), or
            `cityscapes`: the published ones of its 19 classes.
        ohem: the loss of the hard pixels alone; None for all of them.
        ema: decay of the averaged weights, per step; 0 trains without an average.
        statistics: batches of plain frames that the averaged weights' BatchNorm statistics are estimated on.
        freeze_batchnorm: BatchNorm normalises by the statistics it began with and keeps them, as batches too small for
            statistics need it; for weights that begin with others (`init`).
        checkpoint: the graded applications of f keep their inputs alone and are computed again for their gradients
            (gradient checkpointing): less memory, a third more time, the same gradients. Not with `implicit`, whose
            memory does not grow with the depth.
        precision: `fp32`, or `bf16`: autocast inside f, stem and head; latent and loss stay float32. `auto` is bf16
            where the run's device computes in it and fp32 elsewhere, where bf16 is emulated and slower; a run is
            recorded, and goes on, with what that was.
    """

    name: str
    architecture: Architecture
    task: str = "segmentation"
    head: DetectorSettings | PoseSettings | DenseSettings | None = None
    split: str = "train"
    size: int = 192
    longest: int | None = None
    crop_hw: tuple[int, int] | None = (192, 256)
    batch: int = 8
    steps: int = 6000
    init: str | None = None
    unroll: Fixed | Uniform = field(default_factory=Uniform)
    grad_last: int | None = 4
    implicit: IL | None = None
    pretrain: Pretrain = field(default_factory=Pretrain)
    freeze: int = 0
    streaming: Streaming | None = None
    penalty: Penalty | None = None
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Cosine)
    augment: Augment = field(default_factory=Augment)
    class_weights: str = "none"
    ohem: Ohem | None = None
    ema: float = 0.0
    statistics: int = 50
    freeze_batchnorm: bool = False
    checkpoint: bool = False
    precision: str = Precision.AUTO.value
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("size", "batch", "steps", "statistics"):
            _require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        _require(self.freeze >= 0, "freeze", "at least 0", self.freeze)
        _require(self.longest is None or self.longest >= self.size, "longest", "at least the size", self.longest)
        _require(self.grad_last is None or self.grad_last >= 1, "grad_last", "at least 1", self.grad_last)
        if self.head is not None:
            kind = TASKS[self.task].head_settings
            what = f"none for {self.task}" if kind is None else f"{kind.__name__} or none for {self.task}"
            _require(kind is not None and isinstance(self.head, kind), "head", what, type(self.head).__name__)
        implicit = self.implicit is not None
        _require(not (implicit and self.grad_last), "grad_last", "none with implicit training", self.grad_last)
        _require(not (implicit and self.checkpoint), "checkpoint", "false with implicit training", "true")
        _require(not (implicit and self.streaming), "streaming", "none with implicit training", "both")
        _require(0 <= self.ema < 1, "ema", "in [0, 1)", self.ema)
        _require(self.seed >= 0, "seed", "at least 0", self.seed)
        _choice(self.class_weights, "class_weights", ("none", "inverse-log-frequency", "cityscapes"))
        _choice(self.precision, "precision", tuple(Precision))
        if self.crop_hw is None:
            _require(self.task == "detection", "crop_hw", "height,width but for detection", "none")
        else:
            self.architecture.shapes(self.crop_hw)  # raises when the crop does not fit the strides

    @property
    def stride(self) -> int:
        """What the sides of a sample are multiples of."""
        return self.architecture.stride
