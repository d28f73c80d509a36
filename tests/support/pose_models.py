"""A pose model small enough for a test, and a film for it."""

import torch

from streamdeq.api import Model
from streamdeq.models.architecture import Architecture
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import build_network
from support.small_models import frames

NAMES = ("head", "hand", "foot")
FILM = [frame.image for frame in frames(6, hw=(96, 128))]


def pose_model(precision: str = "fp32", names: tuple[str, ...] = NAMES) -> Model:
    torch.manual_seed(0)
    arch = Architecture((8, 8, 16), groups=2, expansion=2)
    head = {"width": 8, "sigma": 1.0, "skeleton": [[0, 1], [1, 2]]}
    spec = ModelSpec("tiny-pose", "pose", arch, names, ((9, 9, 9),) * 3, size=32, head=head)
    network = build_network(spec)
    torch.nn.init.normal_(network.head.final_layer.weight)  # maps with hills
    return Model(network, spec, "cpu", precision)
