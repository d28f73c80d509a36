"""How good the detectors are that label for ours, on people's own boxes, by the measure that ours are scored with.

    python tools/teach/score_boxes.py --picodet T/picodet_s_416_coco.onnx --nanodet T/nanodet-plus-m_416 \\
        data/penn-fudan:test data/coco128:test data/mot15-mini:val:TUD-Campus

Of classes that the data do not know nothing is asked.
"""

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from detectors import NAMES, Detector, Found, NanoDetPlus, PicoDet

from streamdeq.data.open import open_dataset
from streamdeq.tasks.detection.metric import MeanAveragePrecision
from streamdeq.tasks.detection.result import Detections
from streamdeq.values.palette import distinct_colours
from streamdeq.values.status import Start, Status

#: Of an answer that no solve led to.
ALONE = Status(frame_index=0, time_s=0.0, iterations=0, nfe=0, residual=math.nan, start=Start.COLD)


def score(detector: Detector, data: str, every: int) -> dict[str, float]:
    folder, _, split = data.partition(":")
    dataset = open_dataset(folder, split, allow_outside=True).scored(NAMES)
    metric = MeanAveragePrecision(NAMES)
    for clip, t in dataset.samples[::every]:
        image = clip.image(t)
        metric.update(answer(detector(image), (image.shape[0], image.shape[1])), clip.target(t))
    return metric.compute()


def answer(found: Found, size_hw: tuple[int, int]) -> Detections:
    return Detections(
        boxes_xyxy=found.xyxy, scores=found.scores, labels=found.labels.astype(np.int64), classes=NAMES,
        palette=distinct_colours(len(NAMES)), frame_hw=size_hw, status=ALONE
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", help="FOLDER:SPLIT")
    parser.add_argument("--picodet", type=Path, required=True)
    parser.add_argument("--nanodet", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="every so many frames")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for data in asked.data:
        for detector in (PicoDet(asked.picodet), NanoDetPlus(asked.nanodet)):
            figures = ", ".join(
                f"{name} {value:.1f}" for name, value in score(detector, data, asked.every).items() if value == value
            )
            print(f"{data}  {detector.name}: {figures}", flush=True)


if __name__ == "__main__":
    main()
