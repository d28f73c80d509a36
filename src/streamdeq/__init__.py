"""Streaming deep equilibrium models: video perception that corrects instead of recomputing."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from streamdeq.version import __version__ as __version__

if TYPE_CHECKING:
    from streamdeq.api import Model, load
    from streamdeq.errors import StreamdeqError
    from streamdeq.streaming.options import StreamOptions
    from streamdeq.tasks import Choice

#: Where each public name lives. It is imported when first asked for: the command line answers --help without torch.
_HOMES = {
    "Choice": "streamdeq.tasks",
    "Model": "streamdeq.api",
    "StreamOptions": "streamdeq.streaming.options",
    "StreamdeqError": "streamdeq.errors",
    "load": "streamdeq.api",
}
__all__ = ["Choice", "Model", "StreamOptions", "StreamdeqError", "__version__", "load"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'streamdeq' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
