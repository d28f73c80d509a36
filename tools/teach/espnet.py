"""ESPNetv2 of Cityscapes' 19 classes, whose architecture and weights are read where its authors' repository lies."""

import sys
from argparse import Namespace
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from streamdeq.errors import StreamdeqError
from streamdeq.training.setup import normalised

#: Cityscapes' 19, in the order of the network's outputs; after them it has one for the rest.
CLASSES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain",
    "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
WEIGHTS = "model/segmentation/model_zoo/espnetv2/espnetv2_s_2.0_city_1024x512.pth"
STRIDE = 32


class ESPNetv2:
    """Args:
    root: a checkout of github.com/sacmehta/EdgeNets, outside this repository. Its code is run.
    size: the shorter side of what the network is shown, pixels, a multiple of 32.
    """

    def __init__(self, root: Path, size: int = 512) -> None:
        if not (root / WEIGHTS).is_file():
            raise StreamdeqError(f"expected {WEIGHTS} in {root}, found none; give a checkout of sacmehta/EdgeNets")
        sys.path.insert(0, str(root))
        try:
            module = import_module("model.segmentation.espnetv2")
        finally:
            sys.path.remove(str(root))
        self.size = size
        settings = Namespace(s=2.0, channels=3)
        self.network = module.ESPNetv2Segmentation(settings, classes=len(CLASSES) + 1, dataset="city").eval()
        self.network.load_state_dict(torch.load(root / WEIGHTS, map_location="cpu", weights_only=True))

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """(19, h, w) float32: how probable each class is, for a picture (H, W, 3) uint8 RGB, of another size."""
        scale = self.size / min(image.shape[:2])
        height, width = (max(STRIDE, round(side * scale / STRIDE) * STRIDE) for side in image.shape[:2])
        scaled = np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
        with torch.inference_mode():
            fed = normalised(torch.from_numpy(scaled).permute(2, 0, 1)[None])
            return self.network(fed)[0, : len(CLASSES)].softmax(dim=0).numpy()
