"""Problems z = f(z) with known solutions, float64, one problem per row."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from streamdeq.latent import Latent
from streamdeq.solvers import FixedPointMap, SolverState

SHAPES = ((3, 4, 4), (2, 2, 2), (5, 1, 1))
SIZE = sum(c * h * w for c, h, w in SHAPES)


def zeros(rows: int, shapes=SHAPES, dtype=torch.float64) -> Latent:
    return Latent.zeros(shapes, rows, torch.empty((), dtype=dtype))


def noise(rows: int, seed: int, shapes=SHAPES) -> Latent:
    like = zeros(rows, shapes)
    generator = torch.Generator().manual_seed(seed)
    return like.map(lambda m: torch.randn(m.shape, generator=generator, dtype=m.dtype))


def matrices(rates: list[float], size: int, seed: int) -> Tensor:
    """One general matrix per row, its spectral norm the row's rate: (B, D, D)."""
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(len(rates), size, size, generator=generator, dtype=torch.float64)
    return a / torch.linalg.matrix_norm(a, ord=2)[:, None, None] * torch.tensor(rates).double()[:, None, None]


@dataclass
class Linear:
    """f(z) = A z + b, with another A and b in every row."""

    a: Tensor
    b: Tensor

    @staticmethod
    def contraction(rates: list[float], seed: int = 0, size: int = SIZE) -> "Linear":
        generator = torch.Generator().manual_seed(seed + 1)
        b = torch.randn(len(rates), size, generator=generator, dtype=torch.float64)
        return Linear(matrices(rates, size, seed), b)

    def __call__(self, z: Latent) -> Latent:
        return z.unflat((self.a @ z.flat()[:, :, None])[:, :, 0] + self.b)

    @property
    def solution(self) -> Tensor:
        """(I − A)⁻¹ b, (B, D)."""
        eye = torch.eye(self.a.shape[-1], dtype=self.a.dtype)
        return torch.linalg.solve(eye - self.a, self.b)

    def row(self, i: int) -> "Linear":
        return Linear(self.a[i : i + 1], self.b[i : i + 1])


@dataclass
class Tanh:
    """f(z) = z* + A (tanh z − tanh z*): non-linear, its fixed point chosen."""

    a: Tensor
    solution: Tensor

    @staticmethod
    def contraction(rates: list[float], seed: int = 0, size: int = SIZE) -> "Tanh":
        generator = torch.Generator().manual_seed(seed + 1)
        z = torch.randn(len(rates), size, generator=generator, dtype=torch.float64)
        return Tanh(matrices(rates, size, seed), z)

    def __call__(self, z: Latent) -> Latent:
        change = torch.tanh(z.flat()) - torch.tanh(self.solution)
        return z.unflat(self.solution + (self.a @ change[:, :, None])[:, :, 0])

    def row(self, i: int) -> "Tanh":
        return Tanh(self.a[i : i + 1], self.solution[i : i + 1])


@dataclass
class Counted:
    """f, and how often it was called."""

    f: FixedPointMap
    calls: int = 0

    def __call__(self, z: Latent) -> Latent:
        self.calls += 1
        return self.f(z)


@dataclass
class Spoilt:
    """f, but `poison` in one entry of one row at the given calls (from 1)."""

    f: FixedPointMap
    row: int
    calls: tuple[int, ...]
    poison: float = float("nan")
    made: int = 0

    def __call__(self, z: Latent) -> Latent:
        self.made += 1
        value = self.f(z)
        if self.made in self.calls:
            value = value.clone()
            value.maps[-1][self.row].view(-1)[0] = self.poison
        return value


def error(answer: Latent, problem) -> Tensor:
    """Distance to the solution relative to its size, (B,)."""
    wanted = problem.solution
    return (answer.flat() - wanted).norm(dim=1) / wanted.norm(dim=1)


def row(state: SolverState, i: int) -> SolverState:
    return pytree.tree_map(lambda t: t[i : i + 1].clone(), state)


def identical(a, b) -> bool:
    """The same tensors, bit by bit."""
    left, right = pytree.tree_leaves(a), pytree.tree_leaves(b)
    return len(left) == len(right) and all(torch.equal(x, y) for x, y in zip(left, right, strict=True))


def close(a, b, tolerance: float = 1e-10) -> None:
    for x, y in zip(pytree.tree_leaves(a), pytree.tree_leaves(b), strict=True):
        torch.testing.assert_close(x, y, rtol=tolerance, atol=tolerance, equal_nan=True)


def public(state: SolverState) -> SolverState:
    """What a reader of the state sees: everything but the solver's own memory."""
    return replace(state, memory=None)
