"""Which windows of a frame are looked at, each by a row of its own: they open, follow a box, and close.

A window stays where it is as long as its box lies well in
it (hysteresis): a latent that has to be moved loses a little every time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.streaming.engine import Row
from streamdeq.values import UNKNOWN
from streamdeq.values.boxes import Located, pairwise_iou
from streamdeq.values.frame import Frame
from streamdeq.values.geometry import HW, Window
from streamdeq.values.status import Start, Status

#: Says where to look in a frame: any function, a detector's answer, the contents of a file.
Locate = Callable[[Frame], Located]


@dataclass(frozen=True)
class Track:
    """What is followed: its number, its latest box, the window it is seen in, and frames since it had a box."""

    key: int
    box: tuple[float, float, float, float]
    window: Window
    missed: int = 0


@dataclass(frozen=True)
class Followed:
    """What a `Follow` remembers. `born` is the number for the next one."""

    tracks: tuple[Track, ...] = ()
    born: int = 0


@dataclass(frozen=True)
class Follow:
    """Boxes of successive frames to windows that stay put.

    A box is cut to the frame; one without area, or of which nothing is in the frame, is none. Boxes without ids belong
    to the track that they overlap most.

    Args:
        padding: a new window's side, in longer sides of its box.
        low, high: the window stays while the box lies in it and is between so many of its sides long.
        overlap: least IoU of a box and the last one of its track.
        patience: frames a track goes on for without a box, in its last window.
        most: tracks at a time; the largest boxes win.
    """

    padding: float = 1.25
    low: float = 0.6
    high: float = 0.95
    overlap: float = 0.2
    patience: int = 0
    most: int = 100

    def update(self, followed: Followed, located: Located, frame_hw: HW) -> Followed:
        boxes, ids = usable(located, frame_hw, self.most)
        keys, born = self._keys(followed, boxes, ids)
        before = {track.key: track for track in followed.tracks}
        now = {key: self._follow(before.get(key), key, box) for key, box in zip(keys, boxes, strict=True)}
        for key, track in before.items():
            if key not in now and track.missed < self.patience:
                now[key] = Track(key, track.box, track.window, track.missed + 1)
        return Followed(tuple(now[key] for key in sorted(now)), born)

    def _keys(self, followed: Followed, boxes: np.ndarray, ids: np.ndarray | None) -> tuple[list[int], int]:
        """A track's number for each box, and the number for the next new one."""
        if ids is not None:
            numbers = [int(number) for number in ids]
            return numbers, max([followed.born, *(number + 1 for number in numbers)])
        keys: list[int | None] = [None] * len(boxes)
        if followed.tracks and len(boxes):
            iou = pairwise_iou(np.array([track.box for track in followed.tracks]), boxes)
            while iou.max() >= self.overlap:
                i, j = np.unravel_index(iou.argmax(), iou.shape)
                keys[int(j)] = followed.tracks[int(i)].key
                iou[i], iou[:, j] = -1, -1
        born, known = followed.born, []
        for key in keys:
            known.append(born if key is None else key)
            born += key is None
        return known, born

    def _follow(self, before: Track | None, key: int, box: np.ndarray) -> Track:
        left, top, right, bottom = (float(value) for value in box)
        if before is not None:
            window = before.window
            share = max(right - left, bottom - top) / (window.right - window.left)
            inside = window.left <= left and window.top <= top and right <= window.right and bottom <= window.bottom
            if inside and self.low <= share <= self.high:
                return Track(key, (left, top, right, bottom), window)
        return Track(key, (left, top, right, bottom), Window.around(box, self.padding))


def usable(located: Located, frame_hw: HW, most: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Boxes cut to the frame, without those that show nothing or are unsure; of several with one id the first.

    Raises:
        StreamdeqError: no (N, 4) array, or another number of ids.
    """
    boxes = np.asarray(located.boxes_xyxy, np.float64).reshape(-1, 4) if len(located.boxes_xyxy) else np.zeros((0, 4))
    ids = None if located.ids is None else np.asarray(located.ids, np.int64)
    if len(boxes) != len(located.boxes_xyxy) or (ids is not None and ids.shape != (len(boxes),)):
        raise StreamdeqError(f"expected boxes (N, 4) and N ids or none, got {np.shape(located.boxes_xyxy)}; {ids}")
    height, width = frame_hw
    finite = np.asarray(np.isfinite(boxes).all(axis=1))
    cut = np.where(finite[:, None], boxes, 0).clip(0, np.array([width, height] * 2))
    sizes = cut[:, 2:] - cut[:, :2]
    kept = np.flatnonzero(finite & (sizes > 0).all(axis=1))
    if ids is not None:
        kept = kept[ids[kept] != UNKNOWN]
        _, first = np.unique(ids[kept], return_index=True)
        kept = kept[np.sort(first)]
    if len(kept) > most:
        kept = np.sort(kept[np.argsort(-sizes[kept].prod(axis=1), kind="stable")[:most]])
    return cut[kept], None if ids is None else ids[kept]


#: The answers for a frame's regions, their numbers, the frame's size and the status of all → the answer for the frame.
Join = Callable[[Sequence[Any], Sequence[int], HW, Status], Any]


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions of a stream between two frames. `rows` holds a row of the engine for each track, by its number;
    `locate_s` is how many seconds the latest frame's boxes took."""

    locate: Locate
    join: Join
    policy: Follow = field(default_factory=Follow)
    followed: Followed = field(default_factory=Followed)
    rows: Mapping[int, Row] = field(default_factory=dict)
    locate_s: float = 0.0

    @property
    def windows(self) -> list[Window]:
        return [track.window for track in self.followed.tracks]


def _worst(values: Sequence[float]) -> float:
    """NaN if one is."""
    return max(values) if not any(map(isnan, values)) else float("nan")


def together(statuses: Sequence[Status], frame_index: int, time_s: float) -> Status:
    """The status of a frame whose regions have these: the worst residual, cold if one is, seconds added up."""
    if not statuses:
        return Status(frame_index, time_s, 0, 0, float("nan"), Start.COLD)
    residuals = [status.residual for status in statuses]
    return replace(
        statuses[0],
        residual=_worst(residuals),
        change=_worst([status.change for status in statuses]),
        start=Start.COLD if any(status.start is Start.COLD for status in statuses) else Start.WARM,
        failed=any(status.failed for status in statuses),
        cut=any(status.cut for status in statuses),
        inject_s=sum(status.inject_s for status in statuses),
        solve_s=sum(status.solve_s for status in statuses),
        head_s=sum(status.head_s for status in statuses),
        decode_s=sum(status.decode_s for status in statuses),
    )
