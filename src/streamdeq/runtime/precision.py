"""Which device and number format to run in."""

from enum import StrEnum

import torch

from streamdeq.errors import StreamdeqError


class Precision(StrEnum):
    """Number format inside f, stem and head; the latent and the solver stay in float32 whatever this is."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"


def pick_device(name: str) -> torch.device:
    """`auto` takes CUDA where there is one; `cuda:1` is the second.

    Raises:
        StreamdeqError: a device that this machine or this build of torch does not have.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and (kind == "cpu" or not number.isdecimal())):
        raise StreamdeqError(f"unknown device '{name}' (choices: auto, cpu, cuda, cuda:0, cuda:1, …)")
    if kind == "cuda" and not torch.cuda.is_available():
        raise StreamdeqError("no CUDA device is available here; use --device cpu or auto")
    if number and int(number) >= torch.cuda.device_count():
        raise StreamdeqError(f"no device {name} here: the last one is cuda:{torch.cuda.device_count() - 1}")
    return torch.device(name)


def pick_dtype(precision: str, device: torch.device) -> torch.dtype:
    """`auto` takes bfloat16 where the processor computes in it, about twice as fast; emulated it would be slower."""
    if precision not in tuple(Precision):
        raise StreamdeqError(f"unknown precision '{precision}' (choices: {', '.join(Precision)})")
    if precision == Precision.FP32:
        return torch.float32
    if precision == Precision.BF16 or has_bf16(device):
        return torch.bfloat16
    return torch.float32


def precision_of(dtype: torch.dtype) -> str:
    """The precision that gives this number format."""
    return Precision.BF16 if dtype == torch.bfloat16 else Precision.FP32


def has_bf16(device: torch.device) -> bool:
    """Whether bfloat16 convolutions run in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
