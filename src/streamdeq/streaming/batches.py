"""What the engine's verbs do with the tensors of several rows: pictures on their way in, rows chosen, changes told."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils import _pytree as pytree

from streamdeq.latent import Latent
from streamdeq.models.cells import Injection
from streamdeq.streaming.rows import index_of
from streamdeq.values.frame import Frame
from streamdeq.values.geometry import HW, Geometry


def frame_hw(frame: Frame) -> HW:
    return frame.image.shape[0], frame.image.shape[1]


def scaled(image: np.ndarray, geometry: Geometry) -> Tensor:
    """(1, 3, h, w) uint8: what of the frame is seen, scaled to its place on the canvas."""
    seen = image if geometry.window is None else geometry.window.cut(image)
    picture = torch.from_numpy(np.require(seen, requirements=("C", "W"))).permute(2, 0, 1)[None]
    if geometry.content_hw == geometry.seen_hw:
        return picture
    return F.interpolate(picture, size=geometry.content_hw, mode="bilinear", antialias=True)


@torch.no_grad()
def change_of(before: Latent, after: Latent) -> Tensor:
    """`(B,)`: ‖z⁺ − z‖ / ‖z‖, NaN where z is zero. Reads nothing from the device."""
    size = before.norm()
    return torch.where(size > 0, (after - before).norm() / size, torch.nan)


def rows_of(injection: Injection, rows: Sequence[int]) -> Injection:
    """Of some rows: a view where they lie behind one another."""
    index = index_of(rows)
    return tuple(None if x is None else x[index] for x in injection)


def copied(injection: Injection) -> Injection:
    return tuple(None if x is None else x.clone() for x in injection)


def apart(outputs: Any, z: Latent) -> Any:
    """A head's outputs, with a copy of those that lie in the latent's memory, which changes as the rows go on."""
    taken = {m.untyped_storage().data_ptr() for m in z.maps}
    return pytree.tree_map_only(Tensor, lambda t: t.clone() if t.untyped_storage().data_ptr() in taken else t, outputs)
