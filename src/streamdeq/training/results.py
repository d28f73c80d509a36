"""`results.csv`: how a run goes, a row per score, or per so many steps where nothing is scored. Made of its log."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streamdeq.files import atomic_path
from streamdeq.models.spec import ERRORS
from streamdeq.training import log

NAME = "results.csv"
#: Of a line about a score, what is no figure.
_ABOUT = ("event", "step", "split", "score", "streaming")


def rows(lines: Sequence[dict[str, Any]], batch: int, pictures: int, every: int) -> list[dict[str, Any]]:
    """From the lines of a log, of steps of `batch` of so many `pictures`: step, epoch, loss (the mean since the row
    before), lr, pictures per second of computing, then the scores by name."""
    found: list[dict[str, Any]] = []
    losses: list[float] = []
    spent_ms, rate, pending = 0.0, math.nan, 0
    scored = {line["step"] for line in lines if line.get("event") == "validation"}
    last = max((line["step"] for line in lines if "loss" in line), default=0)
    for line in lines:
        if "loss" in line:
            losses += [] if line["loss"] is None else [line["loss"]]
            spent_ms, rate, pending = spent_ms + line["ms"], line["lr"], pending + 1
        due = (
            pending and "loss" in line and (line["step"] in scored or line["step"] % every == 0 or line["step"] == last)
        )
        if due:
            step = line["step"]
            row = {"step": step, "epoch": round(step * batch / max(1, pictures), 3)}
            row |= {"loss": sum(losses) / len(losses) if losses else math.nan, "lr": rate}
            found.append(
                {**row, "pictures_per_s": round(1e3 * batch * pending / spent_ms, 2) if spent_ms else math.nan}
            )
            losses, spent_ms, pending = [], 0.0, 0
        if line.get("event") == "validation" and found and found[-1]["step"] == line["step"]:
            found[-1] |= _scores(line)
    return found


def _scores(line: dict[str, Any]) -> dict[str, Any]:
    name, single = next((name, values) for name, values in line.items() if name not in _ABOUT)
    told = {f"{name} single {count}": value for count, value in single.items()}
    told |= {f"{name} streaming {count}": value for count, value in line.get("streaming", {}).items()}
    return {**told, "score": line["score"]}


def score_line(line: dict[str, Any], batch: int, pictures: int) -> str:
    """A line of the log about a score, which also says whether it is the `best` yet, for people: `step 150, epoch 3.2:
    mIoU on val 53.1 from zeros with 4; streaming 50.2 with 1, 51.7 with 2; the best yet`."""
    name, single = next((name, values) for name, values in line.items() if name not in (*_ABOUT, "best"))
    best = min if name.startswith(ERRORS) else max
    count, value = best(single.items(), key=lambda one: one[1])
    epoch = line["step"] * batch / max(1, pictures)
    text = f"step {line['step']}, epoch {epoch:.1f}: {name} on {line['split']} {value:.1f} from zeros with {count}"
    streaming = ", ".join(f"{figure:.1f} with {number}" for number, figure in line.get("streaming", {}).items())
    text += f"; streaming {streaming}" if streaming else ""
    return f"{text}; the best yet" if line["best"] else text


def write(folder: Path, batch: int, pictures: int, every: int) -> list[dict[str, Any]]:
    """The table of the run in `folder`, whole; its rows."""
    made = rows(log.lines(folder / log.NAME), batch, pictures, every)
    columns = list(dict.fromkeys(name for row in made for name in row))
    with atomic_path(folder / NAME) as part, part.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns, restval="")
        table.writeheader()
        table.writerows({k: "" if v is None or v != v else v for k, v in row.items()} for row in made)
    return made
