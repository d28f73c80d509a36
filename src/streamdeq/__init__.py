"""Streaming deep equilibrium models: video perception that corrects instead of recomputing."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streamdeq.api import Model, load
    from streamdeq.errors import StreamdeqError
    from streamdeq.streaming.options import StreamOptions
    from streamdeq.tasks import Choice

__version__ = "0.1.0"
__all__ = ["Choice", "Model", "StreamOptions", "StreamdeqError", "__version__", "load"]


def __getattr__(name: str) -> Any:
    # The façade pulls in torch; the command line answers --help without it.
    if name in ("Model", "load"):
        from streamdeq import api

        return getattr(api, name)
    if name == "Choice":
        from streamdeq.tasks import Choice

        return Choice
    if name == "StreamdeqError":
        from streamdeq.errors import StreamdeqError

        return StreamdeqError
    if name == "StreamOptions":
        from streamdeq.streaming.options import StreamOptions

        return StreamOptions
    raise AttributeError(f"module 'streamdeq' has no attribute '{name}'")
