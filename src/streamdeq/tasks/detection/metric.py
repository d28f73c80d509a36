"""Mean average precision over a whole split, as COCO defines it.

By faster-coco-eval, which gives pycocotools' numbers. Objects to be ignored are COCO's crowds: whoever lies in one is
neither right nor wrong. Boxes without area do not count; a class without objects is in no mean.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.tasks import coco
from streamdeq.tasks.base import Confusion, Metric
from streamdeq.tasks.detection.result import Detections
from streamdeq.values.boxes import Boxes, pairwise_iou

#: By motion IoU, the mean IoU of an object with itself in the 10 frames before and after (Zhu et al., Flow-Guided
#: Feature Aggregation, 2017): above 0.9, 0.7 to 0.9, below 0.7.
SPEEDS = ("slow", "medium", "fast")
#: Figures of one class begin so.
CLASS = "AP@50/"


#: Frames that are matched at a time: as COCO's JSON, which they are for that, a detection takes kilobytes.
TOGETHER = 500
#: The least score a user is shown, where they name none. (The metric gets all from `DetectorSettings.least_score` on.)
SHOWN = 0.5
#: A detection that covers an object so well, in IoU, is of that object.
MATCHED = 0.5
#: The ten IoUs of COCO's mean.
IOUS = np.linspace(0.5, 0.95, 10)
#: So many of the IoUs, and these speeds (0: all): what was matched at. A figure needs few of the whole.
_Part = tuple[int, tuple[int, ...]]
_WHOLE: _Part = (len(IOUS), (0, 1, 2, 3))


@dataclass(eq=False)
class _Frame:
    """One frame's objects and detections; `matches` says who matched whom, by class and speed, for what is known.

    `counted`: whether there is anything to find.
    """

    target: Boxes
    result: Detections
    counted: bool
    matches: dict[_Part, list[Any]] = field(default_factory=dict)


class MeanAveragePrecision(Metric):
    """mAP@50, mAP@[.5:.95] (the mean over ten IoUs), AP@50 of each class and mAP@50 by speed, in points 0–100.

    NaN where there are no objects to find. A frame that is merged twice counts twice, as bootstrapping wants it: what
    matches within a frame is found once, however often it is merged.
    """

    name = "mAP@50"

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.classes = classes
        self.frames: list[_Frame] = []

    def update(self, result: Detections, target: Boxes) -> None:
        if len(target) and not 0 <= target.labels.min() <= target.labels.max() < len(self.classes):
            span = f"{target.labels.min()}..{target.labels.max()}"
            raise StreamdeqError(f"expected labels 0..{len(self.classes) - 1}, got {span}; check the data set")
        seen = target[target.visible]
        self.frames.append(_Frame(seen, result, not seen.ignore.all()))

    def merge(self, other: "MeanAveragePrecision") -> None:
        self.frames += other.frames

    def __deepcopy__(self, memo: dict[int, Any]) -> "MeanAveragePrecision":
        """Frames are never changed, so copies share them."""
        copied = MeanAveragePrecision(self.classes)
        copied.frames = list(self.frames)
        return copied

    def compute(self) -> dict[str, float]:
        found = dict.fromkeys(self._picks(), math.nan)
        if self._counted:
            precision = self._precision(_WHOLE)
            picks = self._picks().items()
            found = {
                name: coco.mean_precision(precision[:ious, :, classes, speed]) for name, (ious, classes, speed) in picks
            }
        moves = any(np.isfinite(frame.target.motion).any() for frame in self.frames)
        always = [self.name, "mAP@[.5:.95]", *(f"{self.name} {speed}" for speed in SPEEDS if moves)]
        occur = [name for name, value in found.items() if name.startswith(CLASS) and not math.isnan(value)]
        return {name: found[name] for name in (*always, *occur)}

    def figure(self, name: str) -> float:
        if not self._counted or name not in self._picks():
            return math.nan
        ious, classes, speed = self._picks()[name]
        return coco.mean_precision(self._precision((ious, (speed,)))[:, :, classes])

    def precision_recall(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """At an IoU of 0.5."""
        if not self._counted:
            return {}
        precision = self._precision((1, (0,)))[0, :, :, 0]  # (recalls, classes)
        recall = np.linspace(0, 1, len(precision))
        return {name: (recall, precision[:, k]) for k, name in enumerate(self.classes) if (precision[:, k] >= 0).any()}

    def confusion(self) -> Confusion:
        """Of the detections that a user is shown, each with the object it covers best, from the best pair down, at an
        IoU of at least 0.5."""
        classes = len(self.classes)
        counts = np.zeros((classes + 1, classes + 1), np.int64)
        for frame in self.frames:
            objects, found = frame.target[~frame.target.ignore], frame.result.above(SHOWN)
            free = {*range(len(objects))}
            over = pairwise_iou(objects.xyxy, found.boxes_xyxy)
            taken = set[int]()
            for i, j in zip(*np.unravel_index(np.argsort(-over, axis=None, kind="stable"), over.shape), strict=True):
                if over[i, j] >= MATCHED and i in free and j not in taken:
                    counts[objects.labels[i], found.labels[j]] += 1
                    free.discard(i)
                    taken.add(j)
            for i in free:
                counts[objects.labels[i], classes] += 1
            crowds = frame.target[frame.target.ignore]
            lone = [j for j in range(len(found)) if j not in taken]
            doubtful = pairwise_iou(crowds.xyxy, found.boxes_xyxy).max(axis=0, initial=0.0)
            for j in lone:
                if doubtful[j] < MATCHED:
                    counts[classes, found.labels[j]] += 1
        return Confusion(counts, (*self.classes, "nothing"), (*self.classes, "missed"), "objects")

    @property
    def _counted(self) -> bool:
        return any(frame.counted for frame in self.frames)

    def _picks(self) -> dict[str, tuple[int, slice, int]]:
        """What each figure is the mean over: so many IoUs, classes, and a speed."""
        every = slice(None)
        speeds = {f"{self.name} {speed}": (1, every, k) for k, speed in enumerate(SPEEDS, start=1)}
        classes = {f"{CLASS}{name}": (1, slice(k, k + 1), 0) for k, name in enumerate(self.classes)}
        return {self.name: (1, every, 0), "mAP@[.5:.95]": (len(IOUS), every, 0), **speeds, **classes}

    def _precision(self, part: _Part) -> np.ndarray:
        """(IoUs, recalls, classes, speeds) of the part, -1 where there is nothing to find."""
        import faster_coco_eval.faster_eval_api_cpp as compiled  # type: ignore[import-not-found]

        fresh = list({id(frame): frame for frame in self.frames if part not in frame.matches}.values())
        for begin in range(0, len(fresh), TOGETHER):
            some = fresh[begin : begin + TOGETHER]
            evaluation = self._evaluation(some, part)
            evaluation.evaluate()
            found = evaluation._evalImgs_cpp
            for n, frame in enumerate(some):
                frame.matches[part] = found[n :: len(some)]  # by class, in it by speed, in it by frame
        matches = [one for row in zip(*(frame.matches[part] for frame in self.frames), strict=True) for one in row]
        params = self._evaluation(self.frames[:1], part).params
        params.imgIds = list(range(1, len(self.frames) + 1))
        return np.asarray(compiled.COCOevalAccumulate(params, matches)["precision"])[..., 0]

    def _evaluation(self, frames: list[_Frame], part: _Part) -> Any:
        found = [one for n, frame in enumerate(frames, start=1) for one in frame.result.to_coco(n)]
        evaluation = coco.evaluation(self._truth(frames), found, "bbox", separate_eval=True)
        for annotation in evaluation.cocoDt.dataset["annotations"]:
            annotation["area"] = math.nan  # in every range: a wrong detection is wrong at any speed
        ious, speeds = part
        ranges = [[0, len(SPEEDS)], *([k - 0.5, k + 0.5] for k in range(1, len(SPEEDS) + 1))]
        evaluation.params.iouThrs = IOUS[:ious]
        evaluation.params.areaRng = [ranges[k] for k in speeds]
        evaluation.params.areaRngLbl = [("all", *SPEEDS)[k] for k in speeds]
        evaluation.params.maxDets = [100]
        return evaluation

    def _truth(self, frames: list[_Frame]) -> dict[str, Any]:
        """The labels as COCO's JSON. An object's speed stands where COCO has its area: ranges of that select by it."""
        annotations = []
        for n, frame in enumerate(frames, start=1):
            target = frame.target
            sizes = target.xyxy[:, 2:] - target.xyxy[:, :2]
            boxes = np.concatenate([target.xyxy[:, :2], sizes], axis=1).tolist()
            rows = zip(boxes, target.labels.tolist(), target.ignore.tolist(), _speeds(target.motion), strict=True)
            for box, label, ignore, speed in rows:
                about = {"image_id": n, "category_id": label + 1, "bbox": box, "area": speed, "iscrowd": int(ignore)}
                annotations.append(about)
        categories = [{"id": k, "name": name} for k, name in enumerate(self.classes, start=1)]
        return coco.labels_of(len(frames), annotations, categories)


def _speeds(motion: np.ndarray) -> list[int]:
    """1 slow, 2 medium, 3 fast, 0 unknown."""
    speed = np.where(motion > 0.9, 1, np.where(motion >= 0.7, 2, 3))
    return np.where(np.isnan(motion), 0, speed).tolist()
