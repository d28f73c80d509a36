"""The tasks by name. A new one is a folder here and a line below."""

from streamdeq.models.mdeq import MDEQ, Network
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import classification as classification
from streamdeq.tasks import depth as depth
from streamdeq.tasks import detection as detection
from streamdeq.tasks import pose as pose
from streamdeq.tasks import segmentation as segmentation
from streamdeq.tasks.base import TASKS, Choice, Metric, Result, Task

__all__ = ["TASKS", "Choice", "Metric", "Result", "Task", "build_network", "build_task"]


def build_task(spec: ModelSpec) -> Task:
    return TASKS[spec.task](spec)


def build_network(spec: ModelSpec) -> Network:
    """A fresh network as described; its weights are random until loaded."""
    return Network(MDEQ(spec.architecture), build_task(spec).build_head())
