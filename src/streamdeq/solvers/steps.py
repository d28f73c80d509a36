"""Broyden's memory: the steps it took, from which its estimate B of the inverse Jacobian of g(z) = f(z) − z follows.

With full steps s = −B·g, an update of "good" Broyden is B⁺ = (I + s⁺·sᵀ/‖s‖²)·B, where s⁺ = −B⁺·g⁺ is the next step
(Kelley, Iterative Methods for Linear and Nonlinear Equations, 1995, §7.3): one vector a pair, not two. From B₀ = −I,
−B·g is g plus a combination of the steps, and the weights follow from inner products alone. So an update reads the
stored steps twice: once for their products with g, once for the combination.

Legend: B rows, N steps there is room for, n ≤ N of them read, D entries per row of one scale.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils import _pytree as pytree

from streamdeq.latent import Latent
from streamdeq.solvers.base import Memory, bounded


@dataclass(frozen=True, eq=False)
class Steps(Memory):
    """The steps of every row since its memory was last empty. Zeros are an empty row."""

    bank: tuple[Tensor, ...]
    """Per scale `(B, N, D)`, channels last within D; step j is `length[:, j] · bank[:, j]`."""
    length: Tensor
    """`(B, N)` float64"""
    gram: Tensor
    """`(B, N, N)` float64: the inner products of the steps."""
    used: Tensor
    """`(B,)` int64: the steps in force. Those behind are ignored, so a row is emptied without a pass."""

    @staticmethod
    def none(like: Latent, capacity: int) -> Steps:
        """No steps, for rows shaped like `like`. Room for a last step behind those of `capacity` pairs."""
        capacity += 1
        first, rows = like.maps[0], like.rows
        return Steps(
            bank=tuple(m.new_zeros(rows, capacity, m[0].numel()) for m in like.maps),
            length=first.new_zeros(rows, capacity, dtype=torch.float64),
            gram=first.new_zeros(rows, capacity, capacity, dtype=torch.float64),
            used=first.new_zeros(rows, dtype=torch.int64),
        )

    def enlarged(self, capacity: int) -> Steps:
        """The same steps with room for `capacity` pairs, which is no less than before."""
        more = capacity + 1 - self.length.shape[1]
        bank = tuple(F.pad(b, (0, 0, 0, more)) for b in self.bank)
        return replace(self, bank=bank, length=F.pad(self.length, (0, more)), gram=F.pad(self.gram, (0, more, 0, more)))

    def emptied(self, mask: Tensor | None) -> Steps:
        return replace(self, used=torch.zeros_like(self.used) if mask is None else self.used.masked_fill(mask, 0))

    def followed(
        self, gap: Latent, norm: Tensor, moving: Tensor, active: Tensor | None, most: int
    ) -> tuple[Steps, Latent, Tensor]:
        """Learn from the evaluation at the end of the last step and take the next one.

        Args:
            gap: g(z), finite; overwritten unless autograd records.
            norm: `(B,)` ‖g(z)‖.
            moving: `(B,)` bool; the others do not step.
            active: `(B,)` bool; the memory of the others stays as it is. None: all.
            most: no row has more steps than this in force; the others are not read.

        Returns:
            The memory (its bank is written in place unless autograd records) and the step −B·g(z) as a direction and
            a length `(B,)`, 0 where there is none: the row does not move, or the step is not finite.
        """
        read = min(self.length.shape[1], most)
        flat = [m.permute(0, 2, 3, 1).flatten(1) for m in gap.maps]  # views, of maps in channels-last
        banks = [bank[:, :read] for bank in self.bank]
        combine = torch.baddbmm if torch.is_grad_enabled() else Tensor.baddbmm_
        # Under autocast a bmm would drop to bfloat16.
        with torch.autocast(norm.device.type, enabled=False):
            # The vector on the left: from the right, torch sends a batch of such products ten times slower on a CPU.
            dots = [torch.bmm(g[:, None], bank.mT)[:, 0] for g, bank in zip(flat, banks, strict=True)]
            lengths = self.length[:, :read]
            step = self._weighed(torch.stack(dots).sum(0) * lengths, norm.double(), moving)
            factors = (step.weights * lengths).to(norm.dtype)[:, None]
            flat = [combine(g[:, None], factors, bank)[:, 0] for g, bank in zip(flat, banks, strict=True)]
        maps = (d.unflatten(1, (*m.shape[2:], m.shape[1])) for d, m in zip(flat, gap.maps, strict=True))
        direction = Latent(tuple(m.permute(0, 3, 1, 2) for m in maps))
        return self._with(flat, step, moving, active), direction, step.length.to(norm.dtype)

    def _weighed(self, dots: Tensor, norm: Tensor, moving: Tensor) -> _Next:
        """The step, from the products of the stored steps with g `(B, n)` and the norm of g `(B,)`."""
        slots = torch.arange(dots.shape[1], device=dots.device)
        live = slots < self.used[:, None]
        dots = torch.where(live, dots, 0)
        gram = self.gram[:, : len(slots), : len(slots)]
        squares = gram.diagonal(dim1=1, dim2=2)
        link = 1 / torch.where(squares > 0, squares, torch.inf)
        # Update j adds share[j] of step j + 1 to what updates 0 to j − 1 have made of g, and share[j] is sⱼᵀ of that.
        earlier = (link[:, None] * gram.roll(-1, 2)).tril(-1)
        eye = torch.eye(len(slots), dtype=dots.dtype, device=dots.device)
        share = link * torch.linalg.solve_triangular(eye - earlier, dots[..., None], upper=False)[..., 0]
        # The last update's is of the step to come, s⁺ = y + share·s⁺. A row for which that has no solution, or whose
        # memory is full, goes on from B = −I.
        left = 1 - torch.where(slots == self.used[:, None] - 1, share, 0).sum(1)
        anew = (left.abs() < 4 * torch.finfo(self.bank[0].dtype).eps) | (self.used == self.length.shape[1])
        weights = torch.where(live & (slots > 0) & ~anew[:, None], share.roll(1, 1), 0)
        length = 1 / torch.where(anew, 1, left)
        largest = length.abs() * (norm + (weights.abs() * squares.sqrt()).sum(1))
        taken = moving & bounded(largest.to(self.bank[0].dtype))
        weights, length = torch.where(taken[:, None], weights, 0), torch.where(taken, length, 0)
        mixed = dots + (weights[:, None] @ gram)[:, 0]
        square = length**2 * (norm**2 + (weights * (dots + mixed)).sum(1)).clamp(min=0)
        return _Next(weights, length, length[:, None] * mixed, square, taken, torch.where(anew, 0, self.used))

    def _with(self, flat: list[Tensor], step: _Next, moving: Tensor, active: Tensor | None) -> Steps:
        """The memory with the step taken."""
        room, slot = self.length.shape[1], step.slot
        at = (torch.arange(room, device=slot.device) == slot[:, None]) & step.taken[:, None]
        inner = F.pad(step.inner, (0, room - step.inner.shape[1]))
        inner = torch.where(at, step.square[:, None], inner)
        gram = torch.where(at[:, :, None], inner[:, None, :], self.gram)
        gram = torch.where(at[:, None, :], inner[:, :, None], gram)
        # What does not move has not learnt; what is full is emptied all the same, for it is written to.
        used = torch.where(moving, torch.where(step.taken, slot + 1, 0), torch.minimum(slot, self.used))
        if active is not None:
            used = torch.where(active, used, self.used)
        bank = tuple(_write(b, slot, d, active) for b, d in zip(self.bank, flat, strict=True))
        return Steps(bank, torch.where(at, step.length[:, None], self.length), gram, used)


class _Next(NamedTuple):
    """A step per row, and what it is to the stored ones."""

    weights: Tensor
    """`(B, n)` float64: g + Σ weights·(stored steps) is the direction."""
    length: Tensor
    """`(B,)` float64"""
    inner: Tensor
    """`(B, n)` float64: its inner products with the stored steps."""
    square: Tensor
    """`(B,)` float64: that with itself."""
    taken: Tensor
    """`(B,)` bool: it moves, and is finite."""
    slot: Tensor
    """`(B,)` int64: where in the bank it belongs."""


def _write(bank: Tensor, slot: Tensor, row: Tensor, active: Tensor | None) -> Tensor:
    """`bank` `(B, N, D)` with `row` `(B, D)` at `slot` `(B,)` in the active rows.

    In a row that is active and does not move this is behind the steps in force, where nobody reads.
    """
    place = torch.arange(bank.shape[0], device=bank.device), slot
    if active is not None:
        row = torch.where(active[:, None], row, bank[place])
    # A recorded graph needs the old bank; otherwise copying all of it for one step would double the traffic.
    write = bank.index_put if torch.is_grad_enabled() else bank.index_put_
    return write(place, row)


pytree.register_pytree_node(
    Steps,
    lambda s: ([s.bank, s.length, s.gram, s.used], None),
    lambda children, _: Steps(*children),
    serialized_type_name="streamdeq.Steps",
)
