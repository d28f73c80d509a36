"""All that a stream carries from one frame to the next, as a value: it can be forked, saved and taken up elsewhere."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path
from streamdeq.frame import Frame
from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.solvers import SolverState
from streamdeq.streaming.budget import Budget, Value
from streamdeq.streaming.cut import CutPolicy
from streamdeq.streaming.engine import Engine, Row
from streamdeq.streaming.geometry import Geometry
from streamdeq.streaming.options import StreamOptions
from streamdeq.streaming.regions import Regions, together
from streamdeq.streaming.rows import Slots
from streamdeq.streaming.status import Start, Status, Stop

FORMAT = "streamdeq-state-1"
#: Of a geometry; a saved row sees the whole frame.
SIZES = ("frame_hw", "content_hw", "canvas_hw")
PER_ROW = ("residual", "relative", "best", "count", "status")


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
    """

    engine: Engine
    architecture: Architecture
    options: StreamOptions
    budget: Budget
    row: Row
    value: Value
    cuts: CutPolicy
    seen: Any
    regions: Regions | None = None

    @property
    def rows(self) -> list[Row]:
        """Those that the latest frame is solved in; none where its regions are none."""
        if self.regions is None:
            return [self.row]
        return [self.regions.rows[track.key] for track in self.regions.followed.tracks]

    def observe(self, frame: Frame, *, keep: bool) -> "StreamState":
        """The state with a new frame in its rows; `keep` as the engine's. Regions open, move and close."""
        if self.regions is None:
            self.engine.observe([self.row], [frame], keep=keep)
            return self
        was, hw = self.regions, (frame.image.shape[0], frame.image.shape[1])
        followed = was.policy.update(was.followed, was.locate(frame), hw)
        rows = {track.key: was.rows.get(track.key) or self.engine.open() for track in followed.tracks}
        for key in was.rows.keys() - rows.keys():
            self.engine.close(was.rows[key])
        regions = replace(was, followed=followed, rows=rows)
        if rows:
            every = [rows[track.key] for track in followed.tracks]
            self.engine.observe(every, [frame] * len(every), windows=regions.windows, keep=keep)
        return replace(self, regions=regions)

    def read(self, frame: Frame) -> Any:
        """The answer as it stands for the frame last observed."""
        parts = self.engine.read(self.rows)
        if self.regions is None:
            return parts[0]
        status = together([part.status for part in parts], frame.index, frame.time_s)
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

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state to a safetensors file, atomically. Solver memory is left out: a new frame empties it."""
        row = self.row
        if self.regions is not None:
            raise StreamdeqError(
                "the state of a stream that follows boxes cannot be saved: its boxes come from outside"
            )
        if row.pool is None or row.geometry is None or row.status is None:
            raise StreamdeqError("this stream has not seen a frame yet: there is no state to save")
        content = self.engine.content(row)
        state = content.state
        tensors: dict[str, Tensor] = {name: getattr(state, name) for name in PER_ROW}
        for name, maps in (("z", state.z.maps), ("answer", state.answer.maps), ("injection", content.injection)):
            tensors |= {f"{name}.{i}": m for i, m in enumerate(maps) if m is not None}
        described = {
            "architecture": digest(self.architecture),
            "options": asdict(self.options),
            "geometry": {name: getattr(row.geometry, name) for name in SIZES},
            "status": asdict(row.status),
            "evaluations": row.evaluations,
            "poisoned": row.poisoned,
            "value": self.value,
            "seen": self.seen,
        }
        with atomic_path(path) as part:
            copies = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
            save_file(copies, part, {"format": FORMAT, "state": json.dumps(described)})


@dataclass(frozen=True, eq=False)
class SavedState:
    """What a state file holds, read and checked."""

    options: StreamOptions
    row: Row
    content: Slots
    value: Value
    seen: Any


def read_state(path: str | os.PathLike[str], architecture: Architecture, device: torch.device) -> SavedState:
    """Read a state that `StreamState.save` wrote, onto `device`.

    Raises:
        StreamdeqError: not such a file, or a state of another architecture.
    """
    path = Path(path)
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: _laid_out(file.get_tensor(name), device) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise StreamdeqError(f"{path} cannot be read as a stream's state: {error}") from error
    if metadata.get("format") != FORMAT:
        raise StreamdeqError(f"{path} is not a stream's state: write one with state.save()")
    described: dict[str, Any] = json.loads(metadata["state"])
    if described["architecture"] != digest(architecture):
        raise StreamdeqError(f"{path} is the state of a model of another architecture; load that model")
    scales = range(len(architecture.channels))
    state = SolverState(
        Latent(tuple(tensors[f"z.{i}"] for i in scales)),
        Latent(tuple(tensors[f"answer.{i}"] for i in scales)),
        *(tensors[name] for name in PER_ROW),
    )
    injection = tuple(tensors.get(f"injection.{i}") for i in scales)
    status = described["status"] | {"start": Start(described["status"]["start"])}
    status["stopped"] = status["stopped"] and Stop(status["stopped"])
    sizes: dict[str, Any] = {name: tuple(described["geometry"][name]) for name in SIZES}
    row = Row(
        geometry=Geometry(**sizes),
        status=Status(**status),
        evaluations=described["evaluations"],
        poisoned=described["poisoned"],
    )
    options = StreamOptions(**described["options"])
    return SavedState(options, row, Slots(state, injection), tuple(described["value"]), _tuples(described["seen"]))


def _tuples(value: Any) -> Any:
    """JSON's lists back to the tuples they were."""
    return tuple(value) if isinstance(value, list) else value


def digest(architecture: Architecture) -> str:
    """What tells one architecture from another: a hash of its description."""
    return hashlib.sha256(json.dumps(asdict(architecture), sort_keys=True).encode()).hexdigest()


def _laid_out(tensor: Tensor, device: torch.device) -> Tensor:
    if tensor.ndim == 4:
        return tensor.to(device, memory_format=torch.channels_last)
    return tensor.to(device)
