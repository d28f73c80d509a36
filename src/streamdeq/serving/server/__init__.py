"""Many cameras through one or a few models on one machine: sources, ticks, answers, state.

    with Server(read_config("cameras.yaml")) as server:
        answers = server.subscribe()
        while (published := answers.get(timeout=1)) is not None:
            print(published.camera, published.result.status.nfe)

From a camera to its answer:

    source (thread) ── the freshest frame ──► ticks (one thread): scheduler, engine ──► subscriptions
"""

from streamdeq.serving.server.config import (
    AllowConfig,
    CameraConfig,
    ListenConfig,
    ModelConfig,
    ServerConfig,
    read_config,
)
from streamdeq.serving.server.published import Published, Subscription
from streamdeq.serving.server.reports import CameraReport
from streamdeq.serving.server.server import Server

__all__ = [
    "AllowConfig",
    "CameraConfig",
    "CameraReport",
    "ListenConfig",
    "ModelConfig",
    "Published",
    "Server",
    "ServerConfig",
    "Subscription",
    "read_config",
]
