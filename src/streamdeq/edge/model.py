"""An exported folder as a model, and a video through it: observe, iterate, read.

Legend of the state: z is a list of maps (1, h, w, C) float32, one per scale.
"""

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from streamdeq.edge.answers import Answer, Detections, Poses, Segmentation
from streamdeq.edge.detection import Detector
from streamdeq.edge.picture import fitted, moved, placed
from streamdeq.edge.pose import points_of
from streamdeq.edge.sessions import open_session
from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path
from streamdeq.reading import loads, read_text
from streamdeq.values.geometry import HW, Geometry, Window
from streamdeq.values.label_map import label_map
from streamdeq.values.status import Start, Status

TASKS = ("segmentation", "detection", "pose")
#: Of a description: characters, and numbers of a state; several times what any model has.
MOST_TEXT, MOST_NUMBERS = 2_000_000, 1 << 28


class Model:
    """What `streamdeq export MODEL --format onnx` or `openvino` wrote. Holds no video's state: that is a stream's.

    Args:
        folder: with `description.json`.
        threads: of the runtime; as many as it likes if None.

    Raises:
        StreamdeqError: no such folder, a task that needs torch, or a runtime that is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str], threads: int | None = None) -> None:
        folder = Path(folder)
        try:
            described: dict[str, Any] = loads(read_text(folder / "description.json", MOST_TEXT))
            self.task, self.classes = described["task"], tuple(described["classes"])
            self.canvas_hw: tuple[int, int] = tuple(described["canvas_hw"])  # type: ignore[assignment]
            self.iterations, self.head = described["steps"], described["head"]
            functions = [described["functions"][name] for name in ("inject", "step", "predict")]
            files = [folder / Path(function["file"]).name for function in functions]
            given = functions[1]["inputs"]
            self._shapes = [tuple(port["shape"]) for port in given if port["name"].startswith("z_")]
            weights, sizes = described["decode_weights"], described.get("sizes")
            self._sizes = sizes and _sizes_of(sizes)
            if sum(map(math.prod, self._shapes)) > MOST_NUMBERS:
                raise ValueError(f"its state has more than {MOST_NUMBERS:,} numbers")
        except (OSError, ValueError, KeyError, TypeError, StreamdeqError) as error:
            raise StreamdeqError(f"{folder} is not a folder that `streamdeq export` wrote: {error}") from error
        if self.task not in TASKS:
            raise StreamdeqError(f"{folder}: without torch a model can be for {', '.join(TASKS)}; got {self.task}")
        self.inject, self.step, self.predict = (open_session(file, threads) for file in files)
        if self.task == "detection":
            with np.load(folder / Path(weights).name, allow_pickle=False) as arrays:
                self.detector = Detector(self.head, dict(arrays))

    def stream(self, iterations: int | None = None) -> "Stream":
        """A video: give it frames in order, get an answer for each after so many steps."""
        number = self.iterations if iterations is None else iterations
        if number < 1:
            raise StreamdeqError(f"iterations must be at least 1; got {number}")
        return Stream(self, number)

    def fitted(self, frame_hw: HW, window: Window | None = None) -> Geometry:
        """Where a frame of this size, or a window of it, lies on the canvas."""
        if self._sizes is None:
            return fitted(frame_hw, self.canvas_hw, window)
        shorter_side, longest, stride, least = self._sizes
        geometry = Geometry.fit(frame_hw, shorter_side, stride, window, longest)
        h, w = (max(side, least) for side in geometry.canvas_hw)
        return replace(geometry, canvas_hw=(h, w))

    @property
    def scales(self) -> int:
        return len(self._shapes)

    def zeros(self, geometry: Geometry) -> list[np.ndarray]:
        """The state to start from on such a canvas."""
        (h, w), (of_h, of_w) = geometry.canvas_hw, self.canvas_hw
        shapes = [(1, rows * h // of_h, columns * w // of_w, c) for _, rows, columns, c in self._shapes]
        return [np.zeros(shape, np.float32) for shape in shapes]

    def decode(self, outputs: list[np.ndarray], geometry: Geometry, status: Status) -> Answer:
        """The answer that the outputs of `predict` are, in the frame's own pixels."""
        if self.task == "segmentation":
            scores = outputs[0][0].transpose(2, 0, 1)
            return Segmentation(status, label_map(scores, geometry.uncropped_hw, geometry.frame_hw), self.classes)
        if self.task == "detection":
            boxes, scores, labels = self.detector(outputs, geometry.content_hw)
            edge = np.array(geometry.frame_hw[::-1] * 2, np.float32)
            boxes = np.clip(boxes / np.array(geometry.scale_xy * 2, np.float32), 0, edge).astype(np.float32)
            return Detections(status, boxes, scores, labels, self.classes)
        points, heights = points_of(outputs[0][0], self.head["decoding"], self.head["sigma"])
        return Poses(status, geometry.to_frame(points).astype(np.float32), heights.clip(0, 1), self.classes)


class Stream:
    """One video's state, and the three verbs on it; `stream(frame)` is all of them."""

    def __init__(self, model: Model, iterations: int) -> None:
        self.model = model
        self.iterations = iterations
        self.reset()

    def reset(self) -> None:
        """Forget the state: the next frame starts from zeros."""
        self._z: list[np.ndarray] | None = None
        self._before: list[np.ndarray] | None = None
        self._geometry: Geometry | None = None
        self._injection: list[np.ndarray] = []
        self._index, self._steps, self._start = -1, 0, Start.COLD

    def __call__(self, image: np.ndarray, window: Window | None = None) -> Any:
        """The answer for the next frame, (H, W, 3) uint8 RGB; see `observe`."""
        self.observe(image, window)
        for _ in range(self.iterations):
            self.iterate()
        return self.read()

    def observe(self, image: np.ndarray, window: Window | None = None) -> None:
        """A new frame. It starts from the state of the one before, or from zeros where it cannot: the first, another
        size of frames, a state that is not finite. Where the window has moved, the state moves with what it shows.

        Args:
            window: what of the frame is looked at, a person's box for example; None for all of it.
        """
        geometry = self.model.fitted((image.shape[0], image.shape[1]), window)
        self._injection = self.model.inject(list(_inputs(image, geometry).values()))
        z, before = self._z, self._geometry
        if z is not None and before is not None and geometry.carries(before) and all(np.isfinite(m).all() for m in z):
            self._z, self._start = [moved(m, before, geometry) for m in z], Start.WARM
        else:
            self._z, self._start = self.model.zeros(geometry), Start.COLD
        self._geometry, self._before, self._steps, self._index = geometry, None, 0, self._index + 1

    def iterate(self) -> None:
        """One step of the solve of the frame at hand."""
        self._before = self._seen()
        self._z = self.model.step([*self._before, *self._injection])
        self._steps += 1

    def read(self) -> Any:
        """The answer as it stands now."""
        z = self._seen()
        assert self._geometry is not None
        residual = float("nan") if self._before is None else _relative(z, self._before)
        status = Status(self._index, 0.0, self._steps, self._steps, residual, self._start)
        return self.model.decode(self.model.predict(z), self._geometry, status)

    def given(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """What `inject` is given for a frame, by name."""
        return _inputs(image, self.model.fitted((image.shape[0], image.shape[1])))

    @property
    def state(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """z of every scale as it stands now, and the injection of the frame at hand."""
        return self._seen(), self._injection

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state as numpy's `.npz`, to go on with after a restart; the file is there when it is whole."""
        z, geometry = self._seen(), self._geometry
        assert geometry is not None
        window = geometry.window
        corners = [] if window is None else [window.left, window.top, window.right, window.bottom]
        with atomic_path(path) as part, open(part, "wb") as file:
            np.savez(file, *z, frame_hw=geometry.frame_hw, window=corners, index=self._index)

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Go on with what `save` wrote.

        Raises:
            StreamdeqError: it cannot be read, or is another model's.
        """
        try:
            with np.load(path, allow_pickle=False) as saved:
                z = [saved[f"arr_{n}"] for n in range(self.model.scales)]
                h, w = (int(side) for side in saved["frame_hw"])
                corners, index = [int(corner) for corner in saved["window"]], int(saved["index"])
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise StreamdeqError(f"{path} is not a stream's state: {error}") from error
        geometry = self.model.fitted((h, w), Window(*corners) if corners else None)
        if [(m.shape, m.dtype) for m in z] != [(m.shape, m.dtype) for m in self.model.zeros(geometry)]:
            raise StreamdeqError(f"{path} is the state of another model, or of another size")
        self.reset()
        self._z, self._geometry, self._index = z, geometry, index

    def _seen(self) -> list[np.ndarray]:
        if self._z is None:
            raise StreamdeqError("this stream has not seen a frame yet: observe one before iterating or reading")
        return self._z


def _sizes_of(told: dict[str, Any]) -> tuple[int | None, int | None, int, int]:
    """Shorter side, longest, stride and least side. ValueError for what is no size."""
    shorter_side, longest, stride, least = (told[name] for name in ("shorter_side", "longest", "stride", "least"))
    sides = [side for side in (shorter_side, longest) if side is not None] + [stride, least]
    if not all(isinstance(side, int) and 0 < side < MOST_NUMBERS for side in sides):
        raise ValueError(f"its sizes are no pixels: {told}")
    return shorter_side, longest, stride, least


def _inputs(image: np.ndarray, geometry: Geometry) -> dict[str, np.ndarray]:
    return {"pictures": placed(image, geometry), "content_hw": np.array(geometry.content_hw, np.int64)}


def _relative(z: list[np.ndarray], before: list[np.ndarray]) -> float:
    """‖f(z) − z‖ / ‖f(z)‖ of the last step, over all scales."""
    change = sum(float(np.square(a - b, dtype=np.float64).sum()) for a, b in zip(z, before, strict=True))
    size = sum(float(np.square(a, dtype=np.float64).sum()) for a in z)
    return (change / size) ** 0.5 if size else 0.0
