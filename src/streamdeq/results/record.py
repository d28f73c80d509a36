"""An answer, a failure or a gap as one record: a dict of JSON's types, as `result.schema.json` describes it.

Events of rules are records too (`event.schema.json`). Every record says its schema, its camera and its time (`at`).
"""

import json
import time
from collections.abc import Mapping
from functools import cache
from math import isnan
from pathlib import Path
from typing import Any, Literal

from streamdeq.tasks import Result, Task
from streamdeq.values.frame import Failure, Gap
from streamdeq.video.sinks.jsonl import plain

Record = dict[str, Any]
Kind = Literal["result", "event"]
RESULT, EVENT = "streamdeq/result@1", "streamdeq/event@1"
#: What is added to the monotonic clock's time for the time of day, as it was when the program began: a record is never
#: older than the one before it, whatever is done to the machine's clock.
WALL_S = time.time() - time.monotonic()


def answer_record(
    task: Task,
    result: Result,
    *,
    camera: str,
    at: float,
    stages_s: Mapping[str, float],
    dropped_before: int = 0,
    age_s: float | None = None,
    file: str = "",
) -> Record:
    """The answer to a frame.

    Args:
        camera: what the frame is of: a camera's name, or a run's.
        at: when the answer was there, seconds since 1970 (UTC).
        stages_s: seconds that each stage of the frame took.
        dropped_before: frames dropped since the last one that got an answer.
        age_s: seconds from the frame's arrival to its answer, of a live source.
        file: the frame's own file, if it has one.
    """
    status = result.status
    return {
        "schema": RESULT,
        "camera": camera,
        "at": round(at, 3),
        "index": status.frame_index,
        **({"file": file} if file else {}),
        "time_s": status.time_s,
        "iterations": status.iterations,
        "nfe": status.nfe,
        "residual": status.residual,
        "change": None if isnan(status.change) else status.change,
        "start": str(status.start),
        "stopped": status.stopped and str(status.stopped),
        "solve_failed": status.failed,
        "cut": status.cut,
        "gap_s": status.gap_s,
        "dropped_before": dropped_before,
        "answer_ms": round(status.answer_s * 1e3, 3),
        "age_ms": None if age_s is None else round(age_s * 1e3, 3),
        "latency_ms": {stage: round(seconds * 1e3, 3) for stage, seconds in stages_s.items()},
        **task.record(result),
    }


def absence_record(item: Failure | Gap, *, camera: str, at: float) -> Record:
    """A frame that got no answer, or a time without frames."""
    told = {"gap_s": item.seconds} if isinstance(item, Gap) else {"index": item.index, "failed": True}
    return {"schema": RESULT, "camera": camera, "at": round(at, 3), **told, "reason": item.reason}


def kind_of(record: Mapping[str, Any]) -> Kind:
    return "event" if record["schema"] == EVENT else "result"


def classes_of(record: Mapping[str, Any]) -> set[str]:
    """The names of the classes that a record tells of, whatever its task."""
    named = [one["class"] for key in ("objects", "top") for one in record.get(key, ()) if "class" in one]
    return {*named, *record.get("shares", ()), *filter(None, [record.get("class")])}


def as_text(record: Mapping[str, Any]) -> str:
    """One line of JSON, valid for every reader: NaN and infinity become null."""
    return json.dumps(plain(record), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@cache
def schema_of(kind: Kind) -> dict[str, Any]:
    """The JSON schema of the records of that kind."""
    return json.loads(Path(__file__).with_name(f"{kind}.schema.json").read_text(encoding="utf-8"))
