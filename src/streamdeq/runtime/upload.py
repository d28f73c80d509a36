"""Pictures on their way to the device."""

from typing import Any

import torch
from torch import Tensor


class Upload:
    """To a GPU through two page-locked buffers in turns: a picture is on its way while the host fills the other one and
    goes on. To a processor there is nothing to do."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._buffers: list[tuple[Tensor, torch.cuda.Event]] = []

    def __call__(self, pictures: Tensor) -> Tensor:
        if self.device.type != "cuda" or pictures.is_cuda:
            return pictures.to(self.device)
        buffer, copied = self._free(pictures)
        held = buffer[: pictures.numel()].view(pictures.shape)
        held.copy_(pictures)
        there = held.to(self.device, non_blocking=True)
        copied.record(torch.cuda.current_stream(self.device))
        return there

    def _free(self, like: Tensor) -> tuple[Tensor, torch.cuda.Event]:
        """The buffer that was filled longest ago, once what it held has arrived, with room for `like`."""
        if len(self._buffers) == 2:
            buffer, copied = self._buffers.pop(0)
            copied.synchronize()
        else:
            buffer, copied = like.new_empty(0), torch.cuda.Event()
        if buffer.numel() < like.numel():
            buffer = torch.empty(like.numel(), dtype=like.dtype, pin_memory=True)
        self._buffers.append((buffer, copied))
        return buffer, copied

    def __reduce__(self) -> Any:
        """Copied and sent without its buffers."""
        return Upload, (self.device,)
