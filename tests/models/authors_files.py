"""Files in the exact layout of the authors' checkpoints, made of golden tensors; the real ones cannot be had here."""

import copy
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from support.golden_file import GoldenFile
from torch import Tensor

Wrap = Callable[["OrderedDict[str, Tensor]"], Any]


def prefixed(state: "OrderedDict[str, Tensor]", prefix: str) -> "OrderedDict[str, Tensor]":
    return OrderedDict((prefix + name, value) for name, value in state.items())


def with_copy(state: "OrderedDict[str, Tensor]") -> "OrderedDict[str, Tensor]":
    """As saved after implicit training: the cell once more, under another name and with other values."""
    copies = {
        name.replace("fullstage.", "fullstage_copy."): torch.randn_like(value)
        for name, value in state.items()
        if name.startswith("fullstage.")
    }
    return OrderedDict({**state, **copies})


def with_loss(state: "OrderedDict[str, Tensor]") -> "OrderedDict[str, Tensor]":
    """As the segmentation code saves it: the network under `model.`, the class weights of the loss beside it."""
    return OrderedDict({**prefixed(state, "model."), "loss.criterion.weight": torch.ones(19)})


def run_state(state: "OrderedDict[str, Tensor]") -> dict[str, Any]:
    """As the training scripts save a run, optimiser and all."""
    optimizer = {"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": [{"lr": 0.01, "params": [0]}]}
    return {"epoch": 480, "best_mIoU": 0.78, "state_dict": state, "optimizer": optimizer, "lr_scheduler": {"T_max": 5}}


#: The layouts by name.
LAYOUTS: dict[str, Wrap] = {
    "bare": lambda state: state,
    "data-parallel": lambda state: prefixed(state, "module."),
    "full model": with_loss,
    "full model, data-parallel": lambda state: prefixed(with_loss(state), "module."),
    "with the copy of the cell": with_copy,
    "with the copy, data-parallel": lambda state: prefixed(with_copy(state), "module."),
    "a run": lambda state: run_state(with_loss(with_copy(state))),
    "nested": lambda state: {"meta": {"epoch": 7}, "checkpoint": {"model": state}},
}


def write(path: Path, golden: GoldenFile, wrap: Wrap = LAYOUTS["bare"], legacy: bool = False) -> Path:
    """`legacy` is the format of PyTorch before 1.6, in which the older files are."""
    state = OrderedDict((name, copy.deepcopy(value)) for name, value in golden.parameters.items())
    torch.save(wrap(state), path, _use_new_zipfile_serialization=not legacy)
    return path
