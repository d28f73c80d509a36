"""Streaming deep equilibrium models: video perception that corrects instead of recomputing."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from streamdeq.threads import wait_asleep
from streamdeq.version import __version__ as __version__

if TYPE_CHECKING:
    from streamdeq.errors import StreamdeqError
    from streamdeq.streaming.options import StreamOptions
    from streamdeq.streaming.stream import Stream
    from streamdeq.tasks.base import Result
    from streamdeq.tasks.classification.result import Classification
    from streamdeq.tasks.depth.result import Depth
    from streamdeq.tasks.detection.result import Detections
    from streamdeq.tasks.pose.result import Poses
    from streamdeq.tasks.segmentation.result import Segmentation
    from streamdeq.values.choice import Choice
    from streamdeq.values.look import Look
    from streamdeq.verbs import Model, load

wait_asleep()

#: Where each public name lives. It is imported when first asked for: the command line answers --help without torch.
_HOMES = {
    "Choice": "streamdeq.values.choice",
    "Classification": "streamdeq.tasks.classification.result",
    "Depth": "streamdeq.tasks.depth.result",
    "Detections": "streamdeq.tasks.detection.result",
    "Look": "streamdeq.values.look",
    "Model": "streamdeq.verbs",
    "Poses": "streamdeq.tasks.pose.result",
    "Result": "streamdeq.tasks.base",
    "Segmentation": "streamdeq.tasks.segmentation.result",
    "Stream": "streamdeq.streaming.stream",
    "StreamOptions": "streamdeq.streaming.options",
    "StreamdeqError": "streamdeq.errors",
    "load": "streamdeq.verbs",
}
__all__ = [
    "Choice",
    "Classification",
    "Depth",
    "Detections",
    "Look",
    "Model",
    "Poses",
    "Result",
    "Segmentation",
    "Stream",
    "StreamOptions",
    "StreamdeqError",
    "__version__",
    "load",
    "register",
]

#: What other packages can bring, and the registry of each kind.
_KINDS = {
    "cell": ("streamdeq.models.cells", "CELLS"),
    "reader": ("streamdeq.data.reader", "READERS"),
    "recipe": ("streamdeq.training.recipes", "RECIPES"),
    "solver": ("streamdeq.solvers.named", "SOLVERS"),
    "task": ("streamdeq.tasks.base", "TASKS"),
}
T = TypeVar("T")


def register(kind: str, name: str) -> Callable[[T], T]:
    """A decorator that makes a cell, reader, recipe, solver or task known by `name`, as if it were part of streamdeq:

        @streamdeq.register("cell", "mine")
        class MyCell(Cell): ...

    A package whose entry points of group `streamdeq` name the module with such lines is found when installed.

    Raises:
        StreamdeqError: there is no such kind.
        ValueError: the name is taken.
    """
    if kind not in _KINDS:
        from streamdeq.errors import StreamdeqError
        from streamdeq.registry import unknown

        raise StreamdeqError(unknown("kind of thing to register", kind, list(_KINDS)))
    module, registry = _KINDS[kind]
    return getattr(import_module(module), registry).register(name)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'streamdeq' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
