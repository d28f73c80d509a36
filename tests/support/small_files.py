"""Model files and image folders small enough to make in a test; for films see `making_videos`."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from streamdeq.models.architecture import Architecture
from streamdeq.models.checkpoint import save_weights
from streamdeq.tasks import build_network
from support.small_models import tiny_spec


def tiny_weights(path: Path, seed: int = 0) -> Path:
    """A weights file of some kilobytes with random weights: three classes, three scales, working size 32."""
    torch.manual_seed(seed)
    spec = tiny_spec(Architecture((8, 8, 16), groups=2, expansion=2))
    save_weights(path, build_network(spec), spec)
    return path


def image_folder(folder: Path, images: list[np.ndarray]) -> Path:
    """`000.png`, `001.png`, … in a new folder."""
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:03d}.png")
    return folder
