"""The multiscale state z: a tuple of (B, C, H, W) maps that behaves as one vector per row.

A *row* is one entry of the batch axis: one video, one person's crop. Everything
here is row-wise, so that no row's numbers depend on its batch mates. Legend: B rows, n scales, D entries per row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils import _pytree as pytree


def per_row(values: Tensor, like: Tensor) -> Tensor:
    """Reshape `(B,)` so that it broadcasts over `like` `(B, ...)`."""
    return values.reshape(-1, *(1,) * (like.ndim - 1))


@dataclass(frozen=True, eq=False)
class Latent:
    """Feature maps from the highest resolution to the lowest, sharing the batch axis."""

    maps: tuple[Tensor, ...]

    @staticmethod
    def zeros(shapes: Sequence[tuple[int, int, int]], rows: int, like: Tensor) -> Latent:
        """Zeros of the given (C, H, W) per scale, on the device and with the dtype of `like`."""
        return Latent(tuple(like.new_zeros(rows, *shape) for shape in shapes))

    @property
    def rows(self) -> int:
        return self.maps[0].shape[0]

    @property
    def shapes(self) -> tuple[tuple[int, int, int], ...]:
        """(C, H, W) of every scale."""
        return tuple((m.shape[1], m.shape[2], m.shape[3]) for m in self.maps)

    def map(self, fn: Callable[..., Tensor], *others: Latent) -> Latent:
        """Apply `fn` scale by scale."""
        return Latent(tuple(fn(*maps) for maps in zip(self.maps, *(o.maps for o in others), strict=True)))

    # -- vector arithmetic -------------------------------------------------------------------------------

    def __add__(self, other: Latent) -> Latent:
        return self.map(torch.add, other)

    def __sub__(self, other: Latent) -> Latent:
        return self.map(torch.sub, other)

    def __mul__(self, factor: float | Tensor) -> Latent:
        """Scale by a number, or every row by its own: `(B,)`."""
        if isinstance(factor, Tensor) and factor.ndim == 1:
            return self.map(lambda m: m * per_row(factor, m))
        return self.map(lambda m: m * factor)

    __rmul__ = __mul__

    def lerp(self, other: Latent, weight: float | Tensor) -> Latent:
        """(1 − weight)·self + weight·other, `weight` a number or every row's own `(B,)`; exact at 0 and 1."""
        if isinstance(weight, Tensor):
            return self.map(lambda a, b: torch.lerp(a, b, per_row(weight, a)), other)
        return self.map(lambda a, b: torch.lerp(a, b, weight), other)

    def dot(self, other: Latent) -> Tensor:
        """Row-wise inner product `(B,)` over all scales."""
        parts = [(a * b).sum(dim=(1, 2, 3)) for a, b in zip(self.maps, other.maps, strict=True)]
        return torch.stack(parts).sum(dim=0)

    def norm(self) -> Tensor:
        """Row-wise Euclidean norm `(B,)` over all scales."""
        norms = [torch.linalg.vector_norm(m, dim=(1, 2, 3)) for m in self.maps]
        return torch.linalg.vector_norm(torch.stack(norms), dim=0)

    def isfinite(self) -> Tensor:
        """`(B,)` bool: every entry of the row is finite."""
        # A sum is non-finite if any entry is (or if it overflows, which float32 features never do): one
        # pass and no temporary of the map's size.
        sums = [m.sum(dim=(1, 2, 3)) for m in self.maps]
        return torch.isfinite(torch.stack(sums)).all(dim=0)

    # -- rows --------------------------------------------------------------------------------------------

    def where(self, mask: Tensor, other: Latent) -> Latent:
        """Rows of `self` where `mask` `(B,)` is true, else rows of `other`."""
        return self.map(lambda a, b: torch.where(per_row(mask, a), a, b), other)

    def __getitem__(self, index: slice | Tensor) -> Latent:
        """Select rows: a slice gives views, an index tensor a copy."""
        return Latent(tuple(m[index] for m in self.maps))

    # -- form --------------------------------------------------------------------------------------------

    def flat(self) -> Tensor:
        """All scales of a row behind one another: `(B, D)`."""
        return torch.cat([m.flatten(1) for m in self.maps], dim=1)

    def unflat(self, vector: Tensor) -> Latent:
        """The inverse of `flat`: `(B, D)` cut into maps of this latent's shapes."""
        parts = vector.split([m.shape[1:].numel() for m in self.maps], dim=1)
        return Latent(tuple(p.unflatten(1, m.shape[1:]) for p, m in zip(parts, self.maps, strict=True)))

    def detach(self) -> Latent:
        return self.map(Tensor.detach)

    def clone(self) -> Latent:
        return self.map(Tensor.clone)

    def to(self, *args, **kwargs) -> Latent:
        """`Tensor.to` on every map."""
        return self.map(lambda m: m.to(*args, **kwargs))


pytree.register_pytree_node(
    Latent,
    lambda z: (list(z.maps), None),
    lambda maps, _: Latent(tuple(maps)),
    serialized_type_name="streamdeq.Latent",
)
