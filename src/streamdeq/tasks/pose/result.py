"""The answer of pose estimation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown
from streamdeq.tasks.base import Result, check_array
from streamdeq.tasks.drawing import supervision
from streamdeq.tasks.tables import crops
from streamdeq.values.boxes import centred
from streamdeq.values.status import Status


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Poses(Result):
    """The people or animals of a frame.

    Args:
        keypoints_xy: (N, K, 2) float32 in the frame's own pixels, 0 the middle of the first; a point may lie outside.
        scores: (N, K) float32 in 0–1, the height of the point's heat map.
        crops_xyxy: (N, 4) float32, what of the frame each was looked for in.
        ids: (N,) int64, the same for the same one in every frame; None where the whole frame was looked at.
        names: of the K points.
        skeleton: pairs of points to draw a line between, as indices.
        frame_hw: the frame's height and width in pixels.
    """

    keypoints_xy: np.ndarray
    scores: np.ndarray
    crops_xyxy: np.ndarray
    names: tuple[str, ...]
    skeleton: tuple[tuple[int, int], ...]
    frame_hw: tuple[int, int]
    ids: np.ndarray | None = None

    def __post_init__(self) -> None:
        count, points = len(self.keypoints_xy), len(self.names)
        check_array("keypoints_xy", self.keypoints_xy, (count, points, 2), np.float32)
        check_array("scores", self.scores, (count, points), np.float32)
        check_array("crops_xyxy", self.crops_xyxy, (count, 4), np.float32)
        if self.ids is not None:
            check_array("ids", self.ids, (count,), np.int64)
        if any(not 0 <= end < points for edge in self.skeleton for end in edge):
            raise ValueError(f"the skeleton must join points below {points}; got {self.skeleton}")

    def __len__(self) -> int:
        return len(self.keypoints_xy)

    def __getitem__(self, index: Any) -> "Poses":
        """Some of them: a mask, indices, a slice, or the place of one."""
        if isinstance(index, int | np.integer):
            index = [range(len(self))[index]]
        some = {name: getattr(self, name)[index] for name in ("keypoints_xy", "scores", "crops_xyxy")}
        return replace(self, **some, ids=None if self.ids is None else self.ids[index])

    COLUMNS = ("instance", "point", "x", "y", "score")

    def rows(self) -> list[dict[str, Any]]:
        """A row per point."""
        return [
            dict(zip(self.COLUMNS, (key, name, *xy, score), strict=True))
            for key, n in self.places().items()
            for name, xy, score in zip(self.names, self.keypoints_xy[n].tolist(), self.scores[n].tolist(), strict=True)
        ]

    def summary(self) -> str:
        return f"{len(self)} of {len(self.names)} points"

    def crop(self) -> list[np.ndarray]:
        """What the frame shows where each was looked for, (h, w, 3) uint8 RGB.

        Raises:
            StreamdeqError: the frame is gone.
        """
        return crops(self._shown.image, self.crops_xyxy)

    def to_yolo(self) -> list[str]:
        """As lines of a YOLO pose file: class 0, the box of the points, then x, y and score of each point; places in
        shares of the frame."""
        height, width = self.frame_hw
        boxes = np.concatenate([self.keypoints_xy.min(axis=1), self.keypoints_xy.max(axis=1)], axis=1)
        middles, sizes = centred(boxes, width, height)
        points = np.concatenate([self.keypoints_xy / (width, height), self.scores[..., None]], axis=2)
        values = np.concatenate([middles, sizes, points.reshape(len(self), -1)], axis=1)
        return ["0 " + " ".join(f"{value:.6f}" for value in row) for row in values]

    def point(self, name: str) -> np.ndarray:
        """(N, 2): one point of each."""
        if name not in self.names:
            raise StreamdeqError(unknown("key point", name, list(self.names)))
        return self.keypoints_xy[:, self.names.index(name)]

    @property
    def confidence(self) -> np.ndarray:
        """(N,) the mean score of the points of each."""
        return self.scores.mean(axis=1) if self.names else np.zeros(len(self), np.float32)

    def change_from(self, before: "Poses") -> float:
        """How far the points moved, in sides of their crop, each 1 at the most, averaged; one that is not in both
        answers counts 1."""
        ours, theirs = self.places(), before.places()
        everyone = ours.keys() | theirs.keys()
        if not everyone:
            return 0.0
        moved = float(len(ours.keys() ^ theirs.keys()))
        for key in ours.keys() & theirs.keys():
            a, b = ours[key], theirs[key]
            side = max(1.0, float((self.crops_xyxy[a, 2:] - self.crops_xyxy[a, :2]).max()))
            distance = np.linalg.norm(self.keypoints_xy[a] - before.keypoints_xy[b], axis=1) / side
            moved += float(distance.clip(max=1).mean())
        return moved / len(everyone)

    def to_supervision(self) -> Any:
        """As `supervision.KeyPoints`, for its annotators; ids are in `data["tracker_id"]`.

        Raises:
            StreamdeqError: supervision is not installed.
        """
        return supervision("skeletons", "pose").KeyPoints(
            xy=self.keypoints_xy,
            class_id=np.zeros(len(self), int),
            keypoint_confidence=self.scores,
            detection_confidence=self.confidence,
            data={} if self.ids is None else {"tracker_id": self.ids},
        )

    def to_coco(self, image_id: int | None = None, category_id: int = 1) -> list[dict[str, Any]]:
        """As COCO's key point results: x, y, score of every point behind one another; `image_id` is the frame's number
        if None."""
        number = self.status.frame_index if image_id is None else image_id
        rows = np.concatenate([self.keypoints_xy, self.scores[..., None]], axis=2).reshape(
            len(self), 3 * len(self.names)
        )
        return [
            {"image_id": number, "category_id": category_id, "keypoints": row, "score": score}
            for row, score in zip(rows.tolist(), self.confidence.tolist(), strict=True)
        ]

    def places(self) -> dict[int, int]:
        """From what tells the instances apart, their id or else their order, to their places in the arrays."""
        return {int(key): n for n, key in enumerate(range(len(self)) if self.ids is None else self.ids)}


def joined(parts: Sequence[Poses], ids: Sequence[int], nobody: Poses, status: Status) -> Poses:
    """The answers about several windows of one frame as one.

    Args:
        nobody: an empty answer about that frame.
    """
    if not parts:
        return replace(nobody, status=status)
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("keypoints_xy", "scores", "crops_xyxy")
    }
    return replace(parts[0], **arrays, ids=np.array(ids, np.int64), status=status)
