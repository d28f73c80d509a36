"""The lines of YOLO's label files: a box, a polygon, a box with key points, in shares of the picture's sides.

`class centre-x centre-y width height`, then x, y and perhaps a visibility of each key point where `kpt_shape` says how
many; or `class x y x y x y …`, a polygon. Of a point's visibility 0 means not labelled, everything else labelled; where
`kpt_shape` has no third number, points at 0, 0 are not.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from streamdeq.data.boxes import box_in_frame
from streamdeq.data.problems import Problems
from streamdeq.data.shapes import Shape, Sheet, outline
from streamdeq.errors import StreamdeqError
from streamdeq.reading import read_text


@dataclass(frozen=True)
class Lines:
    """How the lines of a data set are read.

    Args:
        classes: by their numbers.
        points: names of the key points after a box.
        per_point: numbers of each: 2 or 3.
        task: boxes (detection), outlines (segmentation) or key points (pose) are wanted of a line.
    """

    classes: tuple[str, ...]
    points: tuple[str, ...]
    per_point: int
    task: str

    def read(self, label: Path, size_hw: tuple[int, int]) -> Sheet:
        """What the label file of a picture of this size says; it need not exist."""
        found, problems = list[Shape](), Problems()
        for number, line in enumerate(read_text(label).splitlines() if label.is_file() else (), start=1):
            with problems.collect():
                if line.strip():
                    found.append(self._shape(line.strip(), size_hw, f"{label}, line {number}"))
        problems.tell()
        return Sheet(tuple(found), size_hw)

    def _shape(self, line: str, size_hw: tuple[int, int], where: str) -> Shape:
        beyond, points = len(self.points) * self.per_point, list[float]()
        try:
            first, *values = map(float, line.split())
            label = int(first)
            if beyond and len(values) == 4 + beyond:
                values, points = values[:4], values[4:]
            polygon = len(values) >= 6 and len(values) % 2 == 0
            x, y, w, h = _around(values) if polygon else values
            if label != first:
                raise ValueError
        except (ValueError, OverflowError):
            raise StreamdeqError(
                f"expected class, centre x, centre y, width, height in {where}, got '{line[:60]}'; correct it"
            ) from None
        if not 0 <= label < len(self.classes):
            raise StreamdeqError(f"expected a class 0..{len(self.classes) - 1} in {where}, got {label}; correct it")
        if max(map(abs, (x, y, w, h))) > 2 and all(map(math.isfinite, (x, y, w, h))):
            raise StreamdeqError(f"expected shares 0..1 of the picture's sides in {where}, got '{line[:60]}': pixels?")
        height, width = size_hw
        corners = ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
        box = box_in_frame(corners, width, height, where)
        name = self.classes[label]
        if self.task == "segmentation":
            return self._area(name, values if polygon else [], size_hw, where)
        if self.task == "pose":
            if beyond and not points:
                raise StreamdeqError(
                    f"expected a box and {beyond} numbers of key points in {where}, as kpt_shape says, got "
                    f"'{line[:60]}'; correct one of them"
                )
            return Shape(name, where, box, points=self._points(points, size_hw, where))
        return Shape(name, where, box)

    def _area(self, name: str, values: list[float], size_hw: tuple[int, int], where: str) -> Shape:
        if not values:
            raise StreamdeqError(
                f"expected a polygon of at least 3 corners in {where}, got a box, which has no outline; draw polygons, "
                "or use the boxes (--task detection)"
            )
        height, width = size_hw
        flat = [value * (height if k % 2 else width) for k, value in enumerate(values)]
        return Shape(name, where, outlines=(outline(flat, size_hw, where),)).by_area()

    def _points(
        self, values: list[float], size_hw: tuple[int, int], where: str
    ) -> dict[str, tuple[float, float] | None]:
        found: dict[str, tuple[float, float] | None] = {}
        for name, at in zip(self.points, range(0, len(values), self.per_point), strict=True):
            x, y = values[at : at + 2]
            shown = values[at + 2] > 0 if self.per_point == 3 else (x, y) != (0, 0)
            if shown and not (-1 <= x <= 2 and -1 <= y <= 2):
                raise StreamdeqError(
                    f"expected shares 0..1 of the picture's sides of '{name}' in {where}, got {x:g}, {y:g}; correct it"
                )
            found[name] = (x * size_hw[1], y * size_hw[0]) if shown else None
        return found


def _around(polygon: list[float]) -> tuple[float, float, float, float]:
    """Centre and size of x, y, x, y, …"""
    (left, right), (top, bottom) = ((min(side), max(side)) for side in (polygon[::2], polygon[1::2]))
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
