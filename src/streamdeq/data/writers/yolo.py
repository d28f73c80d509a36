"""YOLO's layout, as Ultralytics trains on it: boxes, polygons or key points, in shares of the picture's sides.

Shares have eight digits: a hundred-thousandth of a pixel in a picture of a thousand. Films become single pictures.
"""

import json
from collections.abc import Iterator

import numpy as np

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.poses import PoseDataset
from streamdeq.data.shapes import GROUND, Shape
from streamdeq.data.targets import DrawnMaps
from streamdeq.data.writer import WRITERS, Writer, size_of_frame
from streamdeq.errors import StreamdeqError
from streamdeq.values import UNKNOWN
from streamdeq.values.boxes import Boxes, centred
from streamdeq.values.keypoints import Keypoints

ONE = "instance"


@WRITERS.register("yolo")
class YoloWriter(Writer):
    tasks = ("detection", "segmentation", "pose")
    instead = "a class per picture or depth has no place in YOLO's layout"

    _about: Dataset
    _splits: tuple[str, ...] = ()

    def add(self, dataset: Dataset, split: str) -> Iterator[None]:
        self._about, self._splits = dataset, (*self._splits, split)
        for clip in dataset.clips:
            self.told.lost["films, whose frames become single pictures"] += len(clip) > 1
            self.told.lost["frames without labels"] += len(clip) - len(clip.labelled)
            for t in clip.labelled:
                height, width = size_of_frame(clip, t)
                lines = list(self._lines(clip, t, width, height))
                name = self.picture(clip, t, f"images/{split}", len(clip) == 1)
                path = (self.root / "labels" / split / name).with_suffix(".txt")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
                self.told.written["labels"] += len(lines)
                yield

    def finish(self) -> None:
        """data.yaml; JSON is YAML, and writes any name."""
        pose = isinstance(self._about, PoseDataset)
        names = [ONE] if pose else [name for name in self._about.classes if name not in GROUND or self._boxes]
        lines = [f"{split}: images/{split}" for split in self._splits]
        lines += ["names:", *(f"  {k}: {_text(name)}" for k, name in enumerate(names))]
        if isinstance(self._about, PoseDataset):
            points, partner = self._about.classes, list(range(len(self._about.classes)))
            for a, b in self._about.mirrored:
                partner[a], partner[b] = b, a
            lines += [f"kpt_shape: [{len(points)}, 3]", f"flip_idx: {partner}", "kpt_names:"]
            lines.append(f"  0: [{', '.join(map(_text, points))}]")
        (self.root / "data.yaml").write_text("\n".join(lines) + "\n", "utf-8")

    @property
    def _boxes(self) -> bool:
        return self._about.task == "detection"

    def _lines(self, clip: Clip, t: int, width: int, height: int) -> Iterator[str]:
        target = clip.target(t)
        if isinstance(target, Boxes):
            self.told.lost["boxes to be ignored"] += int(target.ignore.sum())
            kept = target[~target.ignore]
            self.told.lost["numbers of objects"] += int((kept.instances != UNKNOWN).sum())
            middles, sizes = centred(kept.xyxy, width, height)
            for label, middle, size in zip(kept.labels, middles, sizes, strict=True):
                yield _line(int(label), [*middle, *size])
        elif isinstance(target, Keypoints):
            yield from _points(target, width, height)
        else:
            yield from self._polygons(clip, t, width, height)

    def _polygons(self, clip: Clip, t: int, width: int, height: int) -> Iterator[str]:
        """One for each outline that was drawn.

        Raises:
            StreamdeqError: there is but a label map, which has none.
        """
        drawn = clip.targets.sheet(t) if isinstance(clip.targets, DrawnMaps) else None
        if drawn is None:
            raise StreamdeqError(
                f"expected outlines to write as yolo, got a label map (clip '{clip.name}'), which has none; write coco "
                "or masks"
            )
        classes = [name for name in self._about.classes if name not in GROUND]
        for one in sorted((one for one in drawn.shapes if one.covers), key=lambda one: one.rank):
            if one.ignore or one.label not in classes:
                self.told.lost["objects to be ignored, or of the background"] += 1
            elif one.rle is not None and not one.outlines:
                self.told.lost["masks without an outline: write coco or masks"] += 1
            else:
                self.told.lost["objects of several parts, which become several objects"] += len(one.outlines) > 1
                for corners in one.outlines or (_corners(one),):
                    yield _line(classes.index(one.label), (corners / (width, height)).ravel().tolist())


def _corners(one: Shape) -> np.ndarray:
    left, top, right, bottom = one.box()
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def _points(target: Keypoints, width: int, height: int) -> Iterator[str]:
    middles, sizes = centred(target.boxes_xyxy, width, height)
    for k in range(len(target)):
        values = [*middles[k], *sizes[k]]
        for (x, y), shown in zip(target.xy[k], target.visible[k], strict=True):
            values += [x / width, y / height, 2] if shown else [0, 0, 0]
        yield _line(0, values)


def _line(label: int, values: list[float]) -> str:
    return " ".join([str(label), *(f"{float(value):.8f}".rstrip("0").rstrip(".") for value in values)])


def _text(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
