"""A pose recipe of seconds; a pose network and a detector with random weights but for what makes them answer."""

import torch

from streamdeq.api import Model
from streamdeq.models.architecture import Architecture
from streamdeq.models.mdeq import Network
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import build_network
from streamdeq.tasks.pose import PoseSettings
from streamdeq.training.recipe import Augment, Optimizer, Recipe, Uniform
from streamdeq.training.schedules import Cosine
from support.pose_models import pose_model

#: A pose recipe of seconds, at 32 pixels.
TINY = Recipe(
    name="pose-tiny",
    task="pose",
    architecture=Architecture((8, 16), groups=4, expansion=2),
    head=PoseSettings(width=16, sigma=1.0),
    size=32,
    crop_hw=(32, 32),
    batch=4,
    steps=80,
    unroll=Uniform(1, 4),
    grad_last=3,
    optimizer=Optimizer("adamw", lr=1e-2, weight_decay=0.0),
    schedule=Cosine(warmup=5),
    augment=Augment(scale_range=(0.9, 1.1), rotation=10.0, flip=0.5),
    statistics=4,
    precision="fp32",
)

#: Of `pose_models.pose_model`.
SPEC = pose_model().spec

SMALL_DETECTOR = {
    "channels": 16, "hidden": 32, "anchor_scales": [4.0], "finest": 16.0, "candidates": 60, "proposals": 40,
    "least_score": 0.0, "detections": 8,
}  # fmt: skip
DETECTOR = ModelSpec(
    "tiny-boxes", "detection", SPEC.architecture, ("cat", "dog"), ((0, 0, 0), (9, 9, 9)), size=32, head=SMALL_DETECTOR
)


def pose_network() -> Network:
    """As trained, not folded."""
    torch.manual_seed(0)
    network = build_network(SPEC)
    torch.nn.init.normal_(network.head.final_layer.weight)  # maps with hills
    return network


def detector_network() -> Network:
    torch.manual_seed(0)
    network = build_network(DETECTOR)
    for parameter in network.head.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=1.5 / parameter[0].numel() ** 0.5)
    return network


def detector() -> Model:
    return Model(detector_network(), DETECTOR, "cpu", "fp32")
