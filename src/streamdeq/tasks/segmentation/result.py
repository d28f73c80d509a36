"""The answer of semantic segmentation."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from streamdeq.errors import StreamdeqError
from streamdeq.models.spec import RGB
from streamdeq.registry import unknown
from streamdeq.tasks.base import Result, check_array
from streamdeq.tasks.drawing import supervision


@dataclass(frozen=True, kw_only=True, repr=False)
class Segmentation(Result):
    """A class for every pixel of the frame.

    Args:
        labels: (H, W) uint8, index into `classes`, in the frame's own pixels.
        classes: class names.
        palette: one RGB colour in 0–255 per class.
    """

    labels: np.ndarray
    classes: tuple[str, ...]
    palette: tuple[RGB, ...]

    def __post_init__(self) -> None:
        check_array("labels", self.labels, ("H", "W"), np.uint8)
        if len(self.palette) != len(self.classes):
            raise ValueError(f"one colour per class; got {len(self.palette)} for {len(self.classes)} classes")
        if self.labels.size and self.labels.max() >= len(self.classes):
            raise ValueError(f"labels must be below {len(self.classes)}, the classes; got {self.labels.max()}")

    def mask(self, name: str) -> np.ndarray:
        """(H, W) bool: the pixels of one class."""
        if name not in self.classes:
            raise StreamdeqError(unknown("class", name, list(self.classes)))
        return self.labels == self.classes.index(name)

    @cached_property
    def counts(self) -> np.ndarray:
        """(classes,) the pixels of each class."""
        # Pillow counts bytes several times as fast as `bincount`, which makes them 64 bits wide first.
        return np.array(Image.fromarray(self.labels).histogram()[: len(self.classes)])

    def shares(self) -> dict[str, float]:
        """The part of the frame each class covers, 0–1, classes that occur only."""
        shares = self.counts / self.labels.size
        return {name: float(share) for name, share in zip(self.classes, shares, strict=True) if share > 0}

    COLUMNS = ("class", "pixels", "share")

    def rows(self) -> list[dict[str, Any]]:
        counts = {name: int(count) for name, count in zip(self.classes, self.counts, strict=True) if count}
        return [{"class": name, "pixels": n, "share": n / self.labels.size} for name, n in counts.items()]

    def summary(self) -> str:
        largest = sorted(self.shares().items(), key=lambda one: -one[1])[:3]
        return ", ".join(f"{100 * share:.0f} % {name}" for name, share in largest) or "nothing"

    @property
    def names(self) -> list[str]:
        """The classes that occur."""
        return list(self.shares())

    def to_coco(self, image_id: int | None = None) -> list[dict[str, Any]]:
        """As COCO's results: a mask as compressed run lengths for each class that occurs, `category_id` from 1."""
        from faster_coco_eval.core import mask as coco

        number, found = self.status.frame_index if image_id is None else image_id, []
        for name in self.names:
            lengths = coco.encode(np.asfortranarray(self.mask(name).astype(np.uint8)))
            box = [float(value) for value in coco.toBbox(lengths)]
            plain = {"size": list(lengths["size"]), "counts": bytes(lengths["counts"]).decode("ascii")}
            category = self.classes.index(name) + 1
            found.append(
                {"image_id": number, "category_id": category, "segmentation": plain, "bbox": box, "score": 1.0}
            )
        return found

    def to_yolo(self) -> list[str]:
        """As lines of a YOLO label file: class and the outline of each connected part, in shares of the frame.

        Raises:
            StreamdeqError: supervision is not installed.
        """
        height, width = self.labels.shape
        lines = []
        for name in self.names:
            for outline in supervision("outlines", "detection").mask_to_polygons(self.mask(name)):
                shares = (np.asarray(outline, np.float64) / (width, height)).reshape(-1)
                lines.append(f"{self.classes.index(name)} " + " ".join(f"{value:.6f}" for value in shares))
        return lines

    def to_supervision(self) -> Any:
        """As `supervision.Detections`: a mask for each class that occurs.

        Raises:
            StreamdeqError: supervision is not installed.
        """
        sv = supervision("masks", "detection")
        masks = np.array([self.mask(name) for name in self.names], bool).reshape(-1, *self.labels.shape)
        return sv.Detections(
            xyxy=sv.mask_to_xyxy(masks) if len(masks) else np.zeros((0, 4)),
            mask=masks,
            class_id=np.array([self.classes.index(name) for name in self.names], int),
            data={"class_name": np.array(self.names, dtype=str)},
        )

    def change_from(self, before: "Segmentation") -> float:
        """The share of pixels with another label."""
        return int(np.count_nonzero(self.labels != before.labels)) / self.labels.size
