"""How near the points are: PCKh, PCK, RMSE and the average precision of COCO.

PCKh@0.5 is MPII's: a point is right within half the head's length; pelvis and thorax do not count; the mean is over
all visible points, not over kinds of points. PCK@f is relative to the longer side of the instance's box. OKS-AP is
COCO's, by faster-coco-eval; where no area is labelled it is 0.53 of the box's, as usual there.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.tasks import coco
from streamdeq.tasks.base import Metric
from streamdeq.tasks.pose.result import Poses
from streamdeq.values import UNKNOWN
from streamdeq.values.keypoints import Keypoints

FRACTIONS = (0.05, 0.1, 0.2)
#: Figures of one kind of point begin so.
POINT = "PCK@0.1/"
#: Points that MPII's evaluation leaves out.
UNCOUNTED = ("pelvis", "thorax")
#: Of an instance's box, its area where nobody labelled that.
AREA_SHARE = 0.53
#: COCO's per-point tolerance, by the end of a point's name; 0.05 for points that COCO has not.
SIGMAS = {
    "nose": 0.026, "eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062, "hip": 0.107,
    "knee": 0.087, "ankle": 0.089,
}  # fmt: skip
OTHER_SIGMA = 0.05


@dataclass(frozen=True, eq=False)
class Distances:
    """One instance: distances (K,) in pixels, infinite where it was not answered; which of them count; lengths."""

    px: np.ndarray
    visible: np.ndarray
    box_px: float
    head_px: float


class PoseMetric(Metric):
    """All figures of all instances given; PCK, PCKh and OKS-AP in points 0–100, RMSE in pixels.

    NaN where nothing was visible. An instance that has no answer has all its points wrong, and is not in the RMSE.
    """

    errors: ClassVar[tuple[str, ...]] = ("RMSE px",)

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.instances: list[Distances] = []
        self.frames: list[tuple[Keypoints, Poses]] = []

    @property
    def name(self) -> str:  # type: ignore[override]
        """PCKh@0.5 where heads are labelled, else PCK@0.1."""
        return "PCKh@0.5" if any(not math.isnan(one.head_px) for one in self.instances) else "PCK@0.1"

    def update(self, result: Poses, target: Keypoints) -> None:
        """Instances belong together by number where both sides have one, else by their order."""
        if result.names != self.names or target.xy.shape[1] != len(self.names):
            raise StreamdeqError(
                f"expected {len(self.names)} key points, got {len(result.names)} in the answer and "
                f"{target.xy.shape[1]} in the labels; check the data set"
            )
        self.frames.append((target, result))
        for n, place in enumerate(_places(result, target)):
            px = np.full(len(self.names), np.inf)
            if place is not None:
                px = np.linalg.norm(result.keypoints_xy[place].astype(np.float64) - target.xy[n], axis=1)
            self.instances.append(Distances(px, target.visible[n], float(target.box_px[n]), float(target.head_px[n])))

    def merge(self, other: "PoseMetric") -> None:
        self.instances += other.instances
        self.frames += other.frames

    def compute(self) -> dict[str, float]:
        found = {name: of() for name, of in self._figures().items()}
        return found | {f"{POINT}{name}": value for name, value in self._per_point(0.1).items()}

    def figure(self, name: str) -> float:
        if name.startswith(POINT):
            return self._per_point(0.1).get(name.removeprefix(POINT), math.nan)
        return self._figures().get(name, lambda: math.nan)()

    def _figures(self) -> dict[str, Callable[[], float]]:
        found: dict[str, Callable[[], float]] = {f"PCK@{f:g}": partial(self._share, f) for f in FRACTIONS}
        if self.name not in found:
            found = {self.name: self._pckh, **found}
        return found | {"RMSE px": self._rmse, "OKS-AP": self._average_precision}

    def _share(self, fraction: float) -> float:
        return _points([one.px[one.visible] <= fraction * one.box_px for one in self.instances])

    def _per_point(self, fraction: float) -> dict[str, float]:
        found = {}
        for k, name in enumerate(self.names):
            right = [np.array([one.px[k] <= fraction * one.box_px]) for one in self.instances if one.visible[k]]
            if right:
                found[name] = _points(right)
        return found

    def _pckh(self) -> float:
        counted = np.array([name not in UNCOUNTED for name in self.names])
        known = [one for one in self.instances if not math.isnan(one.head_px)]
        return _points([one.px[one.visible & counted] <= 0.5 * one.head_px for one in known])

    def _rmse(self) -> float:
        squares = [np.square(one.px[one.visible & np.isfinite(one.px)]) for one in self.instances]
        every = np.concatenate(squares) if squares else np.zeros(0)
        return math.sqrt(every.mean()) if every.size else math.nan

    def _average_precision(self) -> float:
        """COCO's AP@[.5:.95] of key points."""
        if not any(target.visible.any() for target, _ in self.frames):
            return math.nan
        found = [one for n, (_, result) in enumerate(self.frames, start=1) for one in result.to_coco(n)]
        if not found:
            return 0.0
        evaluation = coco.evaluation(
            self._truth(), found, "keypoints", kpt_oks_sigmas=sigmas(self.names), use_area=True
        )
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.params.maxDets = [20]
        evaluation.evaluate()
        evaluation.accumulate()
        return coco.mean_precision(np.asarray(evaluation.eval["precision"]))

    def _truth(self) -> dict[str, Any]:
        """The labels as COCO's JSON: 2 is a visible point, 0 one that is not labelled."""
        annotations = []
        for n, (target, _) in enumerate(self.frames, start=1):
            sizes = target.boxes_xyxy[:, 2:] - target.boxes_xyxy[:, :2]
            areas = np.where(np.isnan(target.area_px), AREA_SHARE * sizes.prod(axis=1), target.area_px)
            for k in range(len(target)):
                points = np.concatenate([target.xy[k], 2.0 * target.visible[k][:, None]], axis=1)
                about = {
                    "image_id": n,
                    "category_id": 1,
                    "bbox": [*target.boxes_xyxy[k, :2].tolist(), *sizes[k].tolist()],
                    "area": float(areas[k]),
                    "iscrowd": 0,
                    "keypoints": points.ravel().tolist(),
                    "num_keypoints": int(target.visible[k].sum()),
                }
                annotations.append(about)
        categories = [{"id": 1, "name": "instance", "keypoints": list(self.names), "skeleton": []}]
        return coco.labels_of(len(self.frames), annotations, categories)


def sigmas(names: tuple[str, ...]) -> list[float]:
    """COCO's tolerance of each point, by the end of its name."""
    ends = [name.replace("_", " ").split(" ")[-1] for name in names]
    return [SIGMAS.get(end, OTHER_SIGMA) for end in ends]


def _places(result: Poses, target: Keypoints) -> list[int | None]:
    """The answer that belongs to each labelled instance; None where there is none."""
    if result.ids is None or UNKNOWN in target.instances:
        return [n if n < len(result) else None for n in range(len(target))]
    places = result.places()
    return [places.get(int(number)) for number in target.instances]


def _points(right: list[np.ndarray]) -> float:
    every = np.concatenate(right) if right else np.zeros(0)
    return 100 * float(every.mean()) if every.size else math.nan
