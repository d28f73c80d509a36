"""The answer of object detection."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.models.spec import RGB
from streamdeq.registry import unknown
from streamdeq.tasks.base import Result, check_array, counted
from streamdeq.tasks.drawing import supervision
from streamdeq.tasks.tables import crops
from streamdeq.values import UNKNOWN
from streamdeq.values.boxes import centred, pairwise_iou


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Detections(Result):
    """The objects of a frame, the best first.

    Args:
        boxes_xyxy: (N, 4) float32, left, top, right, bottom in the frame's own pixels.
        scores: (N,) float32 in 0–1.
        labels: (N,) int64, index into `classes`.
        ids: (N,) int64, the same for the same object in every frame, -1 where that is not said yet; None without
            tracking.
        classes: class names.
        palette: one RGB colour in 0–255 per class.
        frame_hw: the frame's height and width in pixels.

    `detections[detections.scores > 0.7]`, like any index of an array, is some of them.
    """

    boxes_xyxy: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    palette: tuple[RGB, ...]
    frame_hw: tuple[int, int]
    ids: np.ndarray | None = None

    def __post_init__(self) -> None:
        count = len(self.labels)
        check_array("boxes_xyxy", self.boxes_xyxy, (count, 4), np.float32)
        check_array("scores", self.scores, (count,), np.float32)
        check_array("labels", self.labels, (count,), np.int64)
        if self.ids is not None:
            check_array("ids", self.ids, (count,), np.int64)
        if len(self.palette) != len(self.classes):
            raise ValueError(f"one colour per class; got {len(self.palette)} for {len(self.classes)} classes")
        if count and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            raise ValueError(f"labels must be below {len(self.classes)}, the classes; got {self.labels.max()}")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Any) -> "Detections":
        """Some of them: a mask, indices, a slice, or the place of one."""
        if isinstance(index, int | np.integer):
            index = [range(len(self))[index]]
        ids = None if self.ids is None else self.ids[index]
        return replace(
            self, boxes_xyxy=self.boxes_xyxy[index], scores=self.scores[index], labels=self.labels[index], ids=ids
        )

    @property
    def names(self) -> list[str]:
        """The class of each."""
        return [self.classes[label] for label in self.labels]

    def of(self, *names: str) -> "Detections":
        """Those of some classes."""
        for name in names:
            if name not in self.classes:
                raise StreamdeqError(unknown("class", name, list(self.classes)))
        return self[np.isin(self.labels, [self.classes.index(name) for name in names])]

    COLUMNS = ("class", "score", "left", "top", "right", "bottom", "id")

    def rows(self) -> list[dict[str, Any]]:
        ids = [None] * len(self) if self.ids is None else [int(own) if own != UNKNOWN else None for own in self.ids]
        found = zip(self.names, self.scores.tolist(), self.boxes_xyxy.tolist(), ids, strict=True)
        return [dict(zip(self.COLUMNS, (name, score, *box, own), strict=True)) for name, score, box, own in found]

    def summary(self) -> str:
        return counted(self.names)

    def crop(self) -> list[np.ndarray]:
        """What the frame shows in each box, (h, w, 3) uint8 RGB.

        Raises:
            StreamdeqError: the frame is gone.
        """
        return crops(self._shown.image, self.boxes_xyxy)

    def to_yolo(self) -> list[str]:
        """As lines of a YOLO label file with scores: class, the middle, width and height in shares of the frame, score.

        With tracking the id stands at the end, where there is one.
        """
        height, width = self.frame_hw
        middles, sizes = centred(self.boxes_xyxy, width, height)
        values = np.concatenate([middles, sizes, self.scores[:, None]], axis=1)
        ids = [""] * len(self) if self.ids is None else [f" {own}" if own != UNKNOWN else "" for own in self.ids]
        return [
            f"{label} " + " ".join(f"{v:.6f}" for v in row) + own
            for label, row, own in zip(self.labels, values, ids, strict=True)
        ]

    def above(self, conf: float) -> "Detections":
        """Those with at least this score.

        Raises:
            StreamdeqError: not within 0–1.
        """
        if not 0 <= conf <= 1:
            raise StreamdeqError(f"expected a score of 0 to 1, got {conf}; 50 percent are 0.5")
        return self[self.scores >= conf]

    def change_from(self, before: "Detections") -> float:
        """One minus what overlaps: twice the IoU of objects that pair up, weighted by the lower of their scores, over
        all scores of both. Pairs have the same class and are made from the largest IoU down."""
        ours, theirs = self.scores.astype(np.float64), before.scores.astype(np.float64)
        total = float(ours.sum() + theirs.sum())
        if not total:
            return 0.0
        iou = pairwise_iou(self.boxes_xyxy, before.boxes_xyxy) * (self.labels[:, None] == before.labels[None])
        common = 0.0
        while iou.size and iou.max() > 0:
            i, j = np.unravel_index(iou.argmax(), iou.shape)
            common += 2 * float(iou[i, j] * min(ours[i], theirs[j]))
            iou[i], iou[:, j] = 0, 0
        return max(0.0, 1 - common / total)

    def to_supervision(self) -> Any:
        """As `supervision.Detections`, for its annotators, zones and counters; names are in `data["class_name"]`.

        Raises:
            StreamdeqError: supervision is not installed.
        """
        return supervision("boxes", "detection").Detections(
            xyxy=self.boxes_xyxy,
            confidence=self.scores,
            class_id=self.labels.astype(int),
            tracker_id=None if self.ids is None else self.ids.astype(int),
            data={"class_name": np.array(self.names, dtype=str)},
        )

    def to_coco(self, image_id: int | None = None, category_ids: tuple[int, ...] | None = None) -> list[dict[str, Any]]:
        """As COCO's results, `bbox` is left, top, width, height.

        Args:
            image_id: the frame's number if None.
            category_ids: the data set's number of each class; 1, 2, 3, … if None.
        """
        number = self.status.frame_index if image_id is None else image_id
        numbers = category_ids or tuple(range(1, len(self.classes) + 1))
        sizes = self.boxes_xyxy[:, 2:] - self.boxes_xyxy[:, :2]
        boxes = np.concatenate([self.boxes_xyxy[:, :2], sizes], axis=1).tolist()
        return [
            {"image_id": number, "category_id": numbers[label], "bbox": box, "score": score}
            for label, box, score in zip(self.labels.tolist(), boxes, self.scores.tolist(), strict=True)
        ]

    def to_mot(self) -> list[str]:
        """As lines of a MOTChallenge file: frame (from 1), id, left, top, width, height, score, -1, -1, -1.

        With tracking, those that have an id; without, all, with an id of -1, as MOTChallenge's detections are.
        """
        ids = np.full(len(self), UNKNOWN) if self.ids is None else self.ids
        number, lines = self.status.frame_index + 1, []
        for own, (left, top, right, bottom), score in zip(ids, self.boxes_xyxy.tolist(), self.scores, strict=True):
            if self.ids is None or own != UNKNOWN:
                box = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f}"
                lines.append(f"{number},{own},{box},{score:.4f},-1,-1,-1")
        return lines
