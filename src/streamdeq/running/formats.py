"""Answers in the forms that other programs read: COCO's JSON, YOLO's text, CSV, MOTChallenge's lines, pictures."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path
from streamdeq.running.drawing import ProcessedItem
from streamdeq.tasks import Task
from streamdeq.tasks.tables import csv_of
from streamdeq.values import UNKNOWN
from streamdeq.values.frame import Frame
from streamdeq.video import FrameFiles, FramePngSink, LabelMap, LabelPngSink, LinesSink, Sink
from streamdeq.video.sinks.base import PendingFile, unwritable
from streamdeq.video.sinks.origin import COCO_BEGIN, CSV_BEGIN, YOLO_CLASSES

#: What a point below this score counts as in COCO's form: not labelled.
SEEN = 0.2


class Pngs(Sink[ProcessedItem]):
    """Label maps where the task has them, else the frames as they are drawn."""

    def __init__(self, path: Path, task: Task) -> None:
        self._labels = LabelPngSink(path, task.spec.palette) if task.label_maps else None
        self._frames = None if task.label_maps else FramePngSink(path)

    def write(self, item: ProcessedItem) -> None:
        assert isinstance(item.taken, Frame)
        if self._labels is not None:
            self._labels.write(LabelMap(item.taken.index, item.result.labels, item.taken.file))
        elif self._frames is not None:
            self._frames.write(item.taken)

    def close(self) -> None:
        """Nothing is open."""


class Mot(Sink[ProcessedItem]):
    """`to_mot` of every frame."""

    def __init__(self, path: Path, task: Task) -> None:
        self._lines = LinesSink(path)

    def write(self, item: ProcessedItem) -> None:
        self._lines.write(item.result.to_mot())

    def close(self) -> None:
        self._lines.close()


class Csv(Sink[ProcessedItem]):
    """`rows` of every frame, each with the frame's number and time before them, and its file where frames have some."""

    def __init__(self, path: Path, task: Task) -> None:
        self._lines, self._columns = LinesSink(path), list[str]()

    def write(self, item: ProcessedItem) -> None:
        assert isinstance(item.taken, Frame)
        status, file = item.result.status, item.taken.file
        begun = bool(self._columns)
        if not begun:
            self._columns = [*CSV_BEGIN.split(","), *(["file"] if file else []), *item.result.COLUMNS]
        frame = {"frame": status.frame_index, "time_s": f"{status.time_s:.6f}"}
        if "file" in self._columns:
            frame["file"] = file
        table = csv_of([{**frame, **row} for row in item.result.rows()], self._columns)
        self._lines.write(table.split("\n")[int(begun) : -1])

    def close(self) -> None:
        self._lines.close()


class Yolo(Sink[ProcessedItem]):
    """`to_yolo` of every frame as `000042.txt`, or called as its picture is, and the names of the classes in
    `classes.txt`."""

    def __init__(self, path: Path, task: Task) -> None:
        self._files = FrameFiles(path, ".txt", Path(YOLO_CLASSES).stem)
        names = [one["name"] for one in task.coco_categories()]
        self._put(path / YOLO_CLASSES, names)

    def write(self, item: ProcessedItem) -> None:
        assert isinstance(item.taken, Frame)
        self._put(self._files.path(item.taken.index, item.taken.file), item.result.to_yolo())

    def close(self) -> None:
        """Nothing is open."""

    def _put(self, path: Path, lines: list[str]) -> None:
        try:
            with atomic_path(path) as part:
                part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        except OSError as error:
            raise StreamdeqError(unwritable(path, error.strerror)) from error


class Coco(Sink[ProcessedItem]):
    """All frames in one file as a data set of COCO's: images, categories, and `to_coco` as annotations.

    Images are numbered as the frames are, and called as their files are, where they have some. An annotation has a
    `score`, and a `track_id` where the answer has ids. The file is there once it is whole.
    """

    def __init__(self, path: Path, task: Task) -> None:
        self._pending = PendingFile(path)
        self._file = self._pending.path.open("w", encoding="utf-8")
        self._images = TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  # for what stands behind the annotations
        self._name, self._frames, self._count = path.stem, 0, 0
        categories = json.dumps(task.coco_categories(), ensure_ascii=False)
        self._file.write(f'{COCO_BEGIN},\n"categories":{categories},\n"annotations":[')

    def write(self, item: ProcessedItem) -> None:
        result, index = item.result, item.result.status.frame_index
        assert isinstance(item.taken, Frame)
        height, width = item.frame_hw
        file = item.taken.file or f"{self._name}/{index:06d}.png"
        image = {"id": index, "file_name": file, "width": width, "height": height}
        try:
            self._images.write(f"{',' * bool(self._frames)}\n{json.dumps(image, ensure_ascii=False)}")
            self._frames += 1
            for n, found in enumerate(result.to_coco()):
                ids = getattr(result, "ids", None)
                own = {} if ids is None or ids[n] == UNKNOWN else {"track_id": int(ids[n])}
                self._count += 1
                told = {"id": self._count, **annotation(found), **own}
                self._file.write(f"{',' * (self._count > 1)}\n{json.dumps(told)}")
        except OSError as error:
            raise StreamdeqError(unwritable(self._pending.final, error.strerror)) from error

    def close(self) -> None:
        if self._file.closed:
            return
        try:
            with self._file, self._images:
                self._file.write('],\n"images":[')
                self._images.seek(0)
                shutil.copyfileobj(self._images, self._file)
                self._file.write("]}\n")
        except OSError as error:
            self._pending.discard()
            raise StreamdeqError(unwritable(self._pending.final, error.strerror)) from error
        self._pending.keep()


def annotation(found: dict[str, Any]) -> dict[str, Any]:
    """One of COCO's results as an annotation: with its area, and of key points whether each is seen."""
    told = {"iscrowd": 0, **found}
    if "keypoints" in found:
        points = np.reshape(found["keypoints"], (-1, 3))
        seen = points[:, 2] >= SEEN
        told["keypoints"] = np.where(seen[:, None], points * (1, 1, 0) + (0, 0, 2), 0).reshape(-1).tolist()
        told["keypoint_scores"], told["num_keypoints"] = points[:, 2].tolist(), int(seen.sum())
        xy = points[seen, :2] if seen.any() else np.zeros((1, 2))
        told["bbox"] = [*xy.min(axis=0).tolist(), *(xy.max(axis=0) - xy.min(axis=0)).tolist()]
    if "segmentation" in found:
        from faster_coco_eval.core import mask as coco

        told["area"] = int(coco.area({**found["segmentation"], "counts": found["segmentation"]["counts"].encode()}))
    else:
        told["area"] = told["bbox"][2] * told["bbox"][3]
    return told


#: What `--write` names, besides film and JSON lines.
FORMATS: dict[str, Callable[[Path, Task], Sink[ProcessedItem]]] = {
    "png": Pngs,
    "mot": Mot,
    "coco": Coco,
    "yolo": Yolo,
    "csv": Csv,
}
