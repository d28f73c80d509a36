"""All that a stream carries from one frame to the next, as a value: it can be forked, saved and taken up elsewhere."""

import os
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.models.architecture import Architecture
from streamdeq.solvers import Solver
from streamdeq.streaming.budget import Budget
from streamdeq.streaming.cut import CutPolicy
from streamdeq.streaming.engine import Engine, Row
from streamdeq.streaming.options import StartFrom, StreamOptions
from streamdeq.streaming.regions import Regions, together
from streamdeq.streaming.start import Begin, Reference
from streamdeq.streaming.statefile import SavedState, write_state
from streamdeq.values.frame import Frame
from streamdeq.values.geometry import Window


@dataclass(eq=False)
class StreamState:
    """A stream between two frames. `model.step` consumes the state it is given; `clone` forks it.

    Args:
        engine: where the row lives.
        architecture: of the model it belongs to.
        options: what the stream was asked to do; `budget` is what decides its steps.
        row: its tensors.
        value: what the budget remembers.
        regions: what of a frame is looked at, and a row for each; None for all of it, in `row`.
        cuts: what finds shot changes and what happens then; `seen` is what it remembers.
        reference: what the model solves a frame to when there is time.
        after_cut: the engine's solver with memory for the first frame of a shot.
        other: the picture (H, W, 3) that a stream with the start `other` begins from.
        next_index: one more than the latest frame's number; 0 before the first.
    """

    engine: Engine
    architecture: Architecture
    options: StreamOptions
    budget: Budget
    row: Row
    value: Any
    cuts: CutPolicy
    seen: Any
    reference: Reference
    after_cut: Solver
    other: np.ndarray | None = None
    regions: Regions | None = None
    next_index: int = 0

    @property
    def rows(self) -> list[Row]:
        """Those that the latest frame is solved in; none where its regions are none."""
        if self.regions is None:
            return [self.row]
        return [self.regions.rows[track.key] for track in self.regions.followed.tracks]

    def observe(self, frame: Frame) -> tuple["StreamState", list[Row]]:
        """The state with a new frame in its rows, and those of them that are to be solved to the reference.

        Regions open, move and close.
        """
        if self.regions is None:
            return replace(self, next_index=frame.index + 1), self._observe([self.row], frame, None)
        was, hw = self.regions, (frame.image.shape[0], frame.image.shape[1])
        began = perf_counter()
        followed = was.policy.update(was.followed, was.locate(frame), hw)
        locate_s = perf_counter() - began
        rows = {track.key: was.rows.get(track.key) or self.engine.open() for track in followed.tracks}
        for key in was.rows.keys() - rows.keys():
            self.engine.close(was.rows[key])
        regions = replace(was, followed=followed, rows=rows, locate_s=locate_s)
        every = [rows[track.key] for track in followed.tracks]
        long = self._observe(every, frame, regions.windows)
        return replace(self, regions=regions, next_index=frame.index + 1), long

    def _observe(self, rows: list[Row], frame: Frame, windows: list[Window] | None) -> list[Row]:
        start = self.options.start
        others = [self.other] * len(rows) if start == StartFrom.OTHER and not self.next_index else ()
        begin = Begin(StartFrom(start), self.reference)
        return begin.observe(self.engine, rows, [frame] * len(rows), windows=windows, others=others)

    def read(self, frame: Frame) -> Any:
        """The answer as it stands for the frame last observed."""
        parts = self.engine.read(self.rows)
        if self.regions is None:
            return parts[0]
        status = together([part.status for part in parts], frame.index, frame.time_s)
        status = replace(status, locate_s=self.regions.locate_s)
        keys = [track.key for track in self.regions.followed.tracks]
        return self.regions.join(parts, keys, (frame.image.shape[0], frame.image.shape[1]), status)

    def clone(self) -> "StreamState":
        """An independent copy: what happens to one does not show in the other."""
        regions = self.regions
        if regions is not None:
            regions = replace(regions, rows={key: self._copy(row) for key, row in regions.rows.items()})
        return replace(self, row=self._copy(self.row), regions=regions)

    def _copy(self, row: Row) -> Row:
        return Row() if row.pool is None else self.engine.adopt(self.engine.content(row), row)

    def snapshot(self) -> SavedState:
        """A copy of what a file of it holds. Solver memory is left out: a new frame empties it.

        What says where to look is left out too: `Model.restore` is given it again.
        """
        if not self.next_index:
            raise StreamdeqError("this stream has not seen a frame yet: there is no state to save")
        rows = tuple((replace(row), self.engine.content(row)) for row in self.rows)
        followed = None if self.regions is None else self.regions.followed
        return SavedState(self.options, rows, followed, self.value, self.seen, self.next_index)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a `snapshot` to a safetensors file, atomically."""
        write_state(path, self.architecture, self.snapshot())
