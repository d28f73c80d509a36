"""Detectors of COCO's classes that label pictures for ours: PicoDet by onnxruntime, NanoDet-Plus by ncnn.

Their files stay outside this repository; docs/lab/log/2026-11-29-wider-models.md says where they come from. Both scale
a picture to a square without keeping its proportions, and tell a box by four distances from a point of a grid, each the
mean of a distribution over 0 … 7 strides (Li et al., Generalized Focal Loss, 2020).
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torchvision.ops import batched_nms

from streamdeq.data.prepare.coco128 import CLASSES
from streamdeq.errors import StreamdeqError
from streamdeq.training.setup import normalised

#: The names of the classes that are told, and their numbers among COCO's 80.
NAMES, NUMBERS = tuple(CLASSES.values()), np.array(list(CLASSES))
SIDE, STRIDES, BINS, ALL = 416, (8, 16, 32, 64), 8, 80
LEAST, SUPPRESSION, MOST = 0.05, 0.6, 100


@dataclass(frozen=True)
class Found:
    """Objects in a picture, the surest first: boxes (N, 4) xyxy in its pixels, labels among `NAMES`, scores 0–1."""

    xyxy: np.ndarray
    labels: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: np.ndarray) -> "Found":
        return Found(self.xyxy[index], self.labels[index], self.scores[index])

    def above(self, score: float) -> "Found":
        return self[self.scores >= score]


class Detector(Protocol):
    name: str

    def __call__(self, image: np.ndarray) -> Found:
        """What is in a picture (H, W, 3) uint8 RGB."""
        ...


class PicoDet:
    """`picodet_s_416_coco.onnx`: four maps of scores, then four of distributions. Its picture is RGB."""

    name = "PicoDet-S 416"

    def __init__(self, file: Path) -> None:
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.log_severity_level, settings.intra_op_num_threads = 3, 1
        self.session = onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])

    def __call__(self, image: np.ndarray) -> Found:
        fed = squared(image)[None]
        outputs: list[Any] = list(self.session.run(None, {self.session.get_inputs()[0].name: fed}))
        scores, sides = (np.concatenate([one[0] for one in part]) for part in (outputs[:4], outputs[4:]))
        return decoded(scores, sides, centre=0.5, size_hw=(image.shape[0], image.shape[1]))


class NanoDetPlus:
    """`nanodet-plus-m_416.param` and `.bin`: a row per point, 80 scores and four distributions. Its picture is
    BGR."""

    name = "NanoDet-Plus-m 416"

    def __init__(self, stem: Path) -> None:
        try:
            self.ncnn = import_module("ncnn")
        except ImportError as error:
            raise StreamdeqError("NanoDet-Plus runs on ncnn, which is not installed: pip install ncnn") from error
        self.net = self.ncnn.Net()
        self.net.opt.num_threads = 1
        for load, suffix in ((self.net.load_param, ".param"), (self.net.load_model, ".bin")):
            if load(f"{stem}{suffix}"):
                raise StreamdeqError(f"expected a network of ncnn at {stem}{suffix}, ncnn cannot read it")

    def __call__(self, image: np.ndarray) -> Found:
        held = np.ascontiguousarray(squared(image)[::-1])  # which ncnn's matrix points into, without keeping it
        fed = self.ncnn.Mat(held).clone()
        with self.net.create_extractor() as run:
            run.input("data", fed)
            failed, output = run.extract("output")
            if failed:
                raise StreamdeqError("ncnn could not compute NanoDet-Plus' answer")
            rows = np.array(output)
        return decoded(rows[:, :ALL], rows[:, ALL:], centre=0.0, size_hw=(image.shape[0], image.shape[1]))


def squared(image: np.ndarray) -> np.ndarray:
    """(3, 416, 416) float32 of a picture (H, W, 3) uint8 RGB: scaled, of mean 0 and variance 1 over ImageNet, RGB."""
    scaled = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return normalised(torch.from_numpy(np.array(scaled)).permute(2, 0, 1)[None])[0].contiguous().numpy()


def grid(centre: float) -> tuple[np.ndarray, np.ndarray]:
    """The points (N, 2), x and y, and their strides (N,), of all four maps one after another, row by row.

    Args:
        centre: where in a cell its point lies, of the cell's side; with it, half a pixel is the middle of a pixel.
    """
    points, strides = [], []
    for stride in STRIDES:
        count = -(-SIDE // stride)
        y, x = np.divmod(np.arange(count * count), count)
        points.append(np.stack([x, y], axis=1) * stride + centre * (stride - 1))
        strides.append(np.full(count * count, stride))
    return np.concatenate(points), np.concatenate(strides)


def decoded(scores: np.ndarray, sides: np.ndarray, centre: float, size_hw: tuple[int, int]) -> Found:
    """Objects of `NAMES` from scores (N, 80) and logits (N, 32) of left, top, right, bottom, at the `grid`'s points.

    Those of one class that overlap by an IoU of more than 0.6 are one, the surest.
    """
    kept = np.flatnonzero(scores[:, NUMBERS].max(axis=1) >= LEAST)
    scores = scores[kept][:, NUMBERS]
    points, strides = grid(centre)
    logits = sides[kept].reshape(-1, 4, BINS)
    raised = np.exp(logits - logits.max(axis=2, keepdims=True))
    away = (raised * np.arange(BINS)).sum(axis=2) / raised.sum(axis=2) * strides[kept, None]
    xyxy = np.concatenate([points[kept] - away[:, :2], points[kept] + away[:, 2:]], axis=1).clip(0, SIDE)
    xyxy *= np.array([size_hw[1], size_hw[0]] * 2) / SIDE
    at, label = np.nonzero(scores >= LEAST)
    kept_first = batched_nms(
        torch.from_numpy(xyxy[at].astype(np.float32)),
        torch.from_numpy(scores[at, label].astype(np.float32)),
        torch.from_numpy(label),
        SUPPRESSION,
    )
    order = kept_first.numpy()[:MOST]
    return Found(xyxy[at[order]].astype(np.float32), label[order], scores[at, label][order].astype(np.float32))
