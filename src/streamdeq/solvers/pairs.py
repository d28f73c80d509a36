"""Broyden's memory: B = −I + Σ uᵢ·vᵢᵀ per row, an estimate of the inverse Jacobian of g(z) = f(z) − z.

Legend: B rows, N capacity in pairs, D entries per row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils import _pytree as pytree

TOGETHER = 4
"""Pairs are read in multiples of this: matrix products work on blocks of rows, and a block that is cut is summed in
another order. So the numbers stay those of reading the whole memory, within rounding at the most."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs of every row and the evaluation that the next pair is measured from. Zeros are an empty row."""

    u: Tensor
    """`(B, N, D)`"""
    v: Tensor
    """`(B, N, D)`"""
    used: Tensor
    """`(B,)` int64: the pairs in force. Those behind are ignored, so a full row restarts without a pass."""
    point: Tensor
    """`(B, D)` the last evaluated point x."""
    gap: Tensor
    """`(B, D)` g(x) there."""
    ready: Tensor
    """`(B,)` bool: `point` and `gap` are of this problem."""

    @staticmethod
    def empty(like: Tensor, capacity: int) -> Pairs:
        """No pairs, for rows shaped like `like` `(B, D)`."""
        rows, entries = like.shape
        return Pairs(
            u=like.new_zeros(rows, capacity, entries),
            v=like.new_zeros(rows, capacity, entries),
            used=like.new_zeros(rows, dtype=torch.int64),
            point=torch.zeros_like(like),
            gap=torch.zeros_like(like),
            ready=like.new_zeros(rows, dtype=torch.bool),
        )

    def enlarged(self, capacity: int) -> Pairs:
        """The same pairs with room for `capacity`, which is no less than before."""
        more = capacity - self.u.shape[1]
        return replace(self, u=F.pad(self.u, (0, 0, 0, more)), v=F.pad(self.v, (0, 0, 0, more)))

    def updated(self, x: Tensor, gap: Tensor, moving: Tensor, most: int) -> tuple[Pairs, Tensor]:
        """Learn from the evaluation g(x) = `gap` and propose where to go.

        With Δx, Δg the way from the last evaluation, vᵀ = Δxᵀ·B and u = (Δx − B·Δg) / (vᵀ·Δg); this is
        B + (Δx − B·Δg)·Δxᵀ·B / (Δxᵀ·B·Δg). A pair that is not finite is left out. A row whose memory
        is full starts over with B = −I.

        Args:
            x, gap: `(B, D)`, finite.
            moving: `(B,)` bool; the memory of the other rows stays as it is, their step means nothing.
            most: no row has more pairs than this in force; the others are not read.

        Returns:
            The memory (its banks are written in place unless autograd records) and the step −B·g(x) `(B, D)`.
        """
        capacity = self.u.shape[1]
        full = self.used == capacity
        used = torch.where(full, 0, self.used)
        width = min(capacity, -(-most // TOGETHER) * TOGETHER)
        live = torch.arange(width, device=used.device) < used[:, None]
        # Under autocast a bmm would drop to bfloat16.
        with torch.autocast(x.device.type, enabled=False):
            u, v, shift = self._pair(x - self.point, gap - self.gap, gap, live.to(x.dtype))
        kept = self.ready & ~full & torch.isfinite(u.sum(1) + v.sum(1))
        u, v = (torch.nan_to_num(t, 0.0, 0.0, 0.0) for t in (u, v))
        along = torch.where(kept, (v * gap).sum(1), 0)
        step = torch.addcmul(gap - shift, u, along[:, None], value=-1)

        written, stay = moving & kept, 1 - moving.to(x.dtype)[:, None]
        slot = used.clamp(max=capacity - 1)
        memory = Pairs(
            u=_write(self.u, slot, u, written),
            v=_write(self.v, slot, v, written),
            used=torch.where(moving, used + kept, self.used),
            point=torch.lerp(x, self.point, stay),
            gap=torch.lerp(gap, self.gap, stay),
            ready=self.ready | moving,
        )
        return memory, step

    def _pair(self, dx: Tensor, dg: Tensor, gap: Tensor, live: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """u, v `(B, D)` of the next pair, and Σ uᵢ·(vᵢᵀ·gap) over the pairs in force, `(B, D)`.

        `live` `(B, n)` is 1 for a pair in force; none stands behind the first n ≤ N. Those of every bank are read
        twice, and nothing of its size is made.
        """
        width = live.shape[1]
        bank_u, bank_v = self.u[:, :width], self.v[:, :width]
        # The vector on the left: from the right, torch sends a batch of such products ten times slower on a CPU.
        along_u = torch.bmm(dx[:, None], bank_u.mT)[:, 0] * live
        v = torch.bmm(along_u[:, None], bank_v)[:, 0] - dx
        along_v = torch.bmm(torch.stack((dg, gap), 1), bank_v.mT) * live[:, None]
        shift_dg, shift_gap = torch.bmm(along_v, bank_u).unbind(1)
        slope = (v * dg).sum(1)[:, None]
        # A row that did not change has nothing to teach: u = 0, and a gradient of 0 where 0 / 0 had none.
        u = (dx + dg - shift_dg) / torch.where(slope == 0, torch.inf, slope)
        return u, v, shift_gap


def _write(bank: Tensor, slot: Tensor, row: Tensor, mask: Tensor) -> Tensor:
    """`bank` `(B, N, D)` with `row` `(B, D)` at `slot` `(B,)` in the rows of `mask` `(B,)`."""
    rows = torch.arange(bank.shape[0], device=bank.device)
    old = bank.flatten(0, 1).index_select(0, rows * bank.shape[1] + slot)
    new = torch.lerp(row, old, 1 - mask.to(row.dtype)[:, None])
    # A recorded graph needs the old bank; otherwise copying all of it for one pair would double the traffic.
    write = bank.index_put if torch.is_grad_enabled() else bank.index_put_
    return write((rows, slot), new)


pytree.register_pytree_node(
    Pairs,
    lambda p: ([p.u, p.v, p.used, p.point, p.gap, p.ready], None),
    lambda children, _: Pairs(*children),
    serialized_type_name="streamdeq.Pairs",
)
