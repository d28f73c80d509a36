"""`streamdeq data check DIR`: what a folder of data is and what it lacks; `data convert DIR DEST --to LAYOUT`: the same
in another layout. A thin caller of `streamdeq.data.check` and `streamdeq.data.convert`.

Commands are flat functions here, so the action is the first argument instead of a command of its own.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from streamdeq.cli.generated import reader
from streamdeq.cli.options import AllowOutside, Quiet
from streamdeq.cli.terminal import say, teller
from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError

if TYPE_CHECKING:
    from streamdeq.data.check import Report

_CLASSES_SHOWN, _PROBLEMS_SHOWN = 40, 20


def data(
    action: Annotated[
        str,
        typer.Argument(
            metavar="check|convert|formats",
            parser=reader("ACTION", Literal["check", "convert", "formats"]),
            help="What to do.",
        ),
    ],
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="A folder with a data set.")] = None,
    dest: Annotated[Path | None, typer.Argument(metavar="DEST", help="convert: a new or empty folder.")] = None,
    to: Annotated[Literal["coco", "yolo", "masks", "mot"] | None, Option("convert: the layout to write.")] = None,
    link: Annotated[bool, Option("convert: link to the pictures instead of copying them.")] = False,
    sample: Annotated[int, Option("check: labelled frames of each split to read.", least=0)] = 50,
    task: Annotated[
        Literal["detection", "pose", "segmentation"] | None,
        Option("Where a folder has labels for two tasks: detection, pose or segmentation.", metavar="TASK"),
    ] = None,
    allow_outside: AllowOutside = False,
    quiet: Quiet = False,
) -> None:
    if action == "formats":
        from streamdeq.data.open import formats

        return say(*formats().splitlines())
    if folder is None:
        raise StreamdeqError(f"expected a folder with a data set, as in: data {action} DIR")
    folder = folder.expanduser()
    if action == "convert":
        return _convert(folder, dest, to, link, task or "", allow_outside, quiet)
    for flag, given in (("DEST", dest), ("--to", to), ("--link", link)):
        if given:
            raise StreamdeqError(f"{flag}: only `data convert` takes it; data convert {folder} DEST --to coco")

    from streamdeq.cli.progress import track
    from streamdeq.data.check import check

    with track("check", None, unit="frames", quiet=quiet) as advance:
        report = check(folder, sample, advance, task or "", allow_outside)
    say(*_lines(folder, report))
    if report.problems:
        count = len(report.problems)
        raise StreamdeqError(f"{count} problem{'s' * (count > 1)} in {folder}, listed above; correct the files")


def _convert(
    folder: Path, dest: Path | None, to: str | None, link: bool, task: str, allow_outside: bool, quiet: bool
) -> None:
    """What was written and what is lost goes to standard error, the folder to standard output."""
    if dest is None or to is None:
        raise StreamdeqError(f"expected a folder to write and its layout, as in: data convert {folder} DEST --to coco")

    from streamdeq.cli.progress import track
    from streamdeq.data.convert import convert

    tell = teller("convert", silent=quiet)
    with track("convert", None, unit="frames", quiet=quiet) as advance:
        done = convert(str(folder), dest, to, task, link, advance, allow_outside)
    splits = ", ".join(f"{name} {count}" for name, count in done.splits.items())
    written = ", ".join(f"{count} {what}" for what, count in done.told.written.items())
    tell(f"{done.task}, {done.classes} classes; labelled frames: {splits}; written: {written}")
    for note in done.notes:
        tell(note)
    for what, count in done.told.lost.items():
        if count:
            tell(f"{to} cannot hold {count} {what}")
    say(dest)


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
