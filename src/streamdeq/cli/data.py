"""`streamdeq data check DIR`: what a folder of data is and what it lacks. A thin caller of `streamdeq.data.check`.

Commands are flat functions here, so the action is the first argument instead of a command of its own.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from streamdeq.cli.generated import reader
from streamdeq.cli.options import AllowOutside, Quiet
from streamdeq.cli.terminal import say
from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError

if TYPE_CHECKING:
    from streamdeq.data.check import Report

_CLASSES_SHOWN, _PROBLEMS_SHOWN = 40, 20


def data(
    action: Annotated[
        str, typer.Argument(metavar="check", parser=reader("ACTION", Literal["check"]), help="What to do.")
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder with a data set.")],
    sample: Annotated[int, Option("Labelled frames of each split to read.", least=0)] = 50,
    task: Annotated[
        Literal["detection", "pose", "segmentation"] | None,
        Option("Where a folder has labels for two tasks: detection, pose or segmentation.", metavar="TASK"),
    ] = None,
    allow_outside: AllowOutside = False,
    quiet: Quiet = False,
) -> None:
    from streamdeq.cli.progress import track
    from streamdeq.data.check import check

    folder = folder.expanduser()
    with track("check", None, unit="frames", quiet=quiet) as advance:
        report = check(folder, sample, advance, task or "", allow_outside)
    say(*_lines(folder, report))
    if report.problems:
        count = len(report.problems)
        raise StreamdeqError(f"{count} problem{'s' * (count > 1)} in {folder}, listed above; correct the files")


def _lines(folder: Path, report: "Report") -> list[str]:
    lines = [
        f"{folder}: {report.layout}, {report.task}, {len(report.classes)} classes",
        f"    licence: {report.licence}",
        f"    {'split':14}{'clips':>8}{'frames':>9}{'labelled':>10}   frames before a labelled one",
    ]
    for split in report.splits:
        low, high = split.before
        before = "–" if not split.labelled else str(low) if low == high else f"{low}…{high}"
        lines.append(f"    {split.name:14}{split.clips:8}{split.frames:9}{split.labelled:10}   {before}")
    lines += _classes(report)
    lines += [f"    note: {note}" for note in report.notes]
    lines += [f"    missing: {missing}" for missing in report.missing]
    lines += [f"    problem: {problem}" for problem in report.problems[:_PROBLEMS_SHOWN]]
    if len(report.problems) > _PROBLEMS_SHOWN:
        lines.append(f"    … and {len(report.problems) - _PROBLEMS_SHOWN} problems more")
    if report.missing or report.problems:
        lines.append(f"    how to get it: {report.source}")
    return lines


def _classes(report: "Report") -> list[str]:
    if report.sampled is None:
        head = f"    classes, share of the {report.unit} of '{report.splits[0].name}':"
    else:
        head = f"    classes, share of the {report.unit} of {report.sampled} frames ({report.ignored:.1%} ignored):"
    lines = [head]
    counted = any(one.share for one in report.classes)
    for number, one in enumerate(report.classes[:_CLASSES_SHOWN]):
        lines.append(f"    {number:4}  {one.name:24}" + (f"{one.share:7.1%}" if counted else "      –"))
    if len(report.classes) > _CLASSES_SHOWN:
        lines.append(f"    … and {len(report.classes) - _CLASSES_SHOWN} classes more")
    return lines
