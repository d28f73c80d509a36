"""The tasks by name. A new one is a folder here and a line below."""

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from streamdeq.errors import StreamdeqError
from streamdeq.models.checkpoint import check_fit, load_tensors
from streamdeq.models.mdeq import MDEQ, Network
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import classification as classification
from streamdeq.tasks import depth as depth
from streamdeq.tasks import detection as detection
from streamdeq.tasks import pose as pose
from streamdeq.tasks import segmentation as segmentation
from streamdeq.tasks.base import TASKS, Choice, Metric, Result, Task

__all__ = ["TASKS", "Choice", "Metric", "Result", "Task", "build_network", "build_task", "load_network"]


def build_task(spec: ModelSpec) -> Task:
    return TASKS[spec.task](spec)


class Unvalued(TorchFunctionMode):
    """Parameters keep no initial values: on `meta` there are none, and drawing them there loads torch's compiler."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"]
        return func(*args, **kwargs)


def load_network(spec: ModelSpec, tensors: dict[str, Tensor], origin: str) -> Network:
    """The network as described, with stored tensors; it takes no memory before they are known to be its own.

    Raises:
        StreamdeqError: no network can be built like that, or the tensors are another's.
    """
    try:
        with torch.device("meta"), Unvalued():
            outline = build_network(spec)
    except (RuntimeError, TypeError, ValueError) as error:
        problem = (str(error).splitlines() or [type(error).__name__])[0]
        raise StreamdeqError(f"{origin} describes no network that can be built: {problem}") from error
    check_fit(outline, tensors, origin)
    network = build_network(spec)
    load_tensors(network, tensors, origin)
    return network


def build_network(spec: ModelSpec) -> Network:
    """A fresh network as described; its weights are random until loaded."""
    return Network(MDEQ(spec.architecture), build_task(spec).build_head())
