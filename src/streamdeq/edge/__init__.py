"""Exported models without torch: numpy, ONNX Runtime or OpenVINO, and a folder that `streamdeq export` wrote.

    from streamdeq.edge import Model

    stream = Model("camvid-s-onnx").stream(iterations=1)
    for picture in pictures:  # (H, W, 3) uint8 RGB
        labels = stream(picture).labels

This room is a distribution of its own, `streamdeq-edge`, for machines on which torch is too large.
"""

from streamdeq.edge.answers import Detections, Poses, Segmentation
from streamdeq.edge.model import Model, Stream

__all__ = ["Detections", "Model", "Poses", "Segmentation", "Stream"]
