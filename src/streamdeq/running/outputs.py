"""The folder and the files of one run: it holds them alone, and replaces nothing that no run made."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.files import LOCK, TakenError, held, sweep
from streamdeq.running.naming import check_not_source
from streamdeq.running.options import RunOptions
from streamdeq.video.sinks.origin import YOLO_CLASSES, made_here

#: Without a dot it is a folder.
ENDINGS = {
    "video": ".mp4",
    "jsonl": ".jsonl",
    "png": "-labels",
    "mot": ".txt",
    "coco": ".json",
    "yolo": "-yolo",
    "csv": ".csv",
}
#: Of pictures that are no label maps.
FRAMES = "-frames"
#: The files in the folders, at any depth, and those that are no frame's.
INSIDE = {ENDINGS["png"]: ("**/*.png", ""), FRAMES: ("**/*.png", ""), ENDINGS["yolo"]: ("**/*.txt", YOLO_CLASSES)}


@contextmanager
def outputs(options: RunOptions, name: str, spec: Any, *, live: bool, label_maps: bool) -> Iterator[dict[str, Path]]:
    """What a run called `name` writes, by its kind; while the block lasts nobody else runs into the folder.

    Args:
        spec: the source, which is not to be replaced.
        live: the film's files are numbered: they find their own place.
        label_maps: whether pictures are those; else they are frames.

    Raises:
        StreamdeqError: something of that name is there, or somebody else writes there.
    """
    write = options.write if options.save else ()
    if not write or options.save is None:
        yield {}
        return
    with ExitStack() as stack:
        folder = stack.enter_context(free_folder(options.save) if options.numbered else taken(options.save))
        sweep(folder)  # what a killed run left there
        endings = ENDINGS if label_maps else {**ENDINGS, "png": FRAMES}
        paths = {kind: folder / f"{name}{endings[kind]}" for kind in endings if kind in write}
        if "video" in paths:
            check_not_source(paths["video"], spec)
        there = [old for kind, path in paths.items() if not (live and kind == "video") for old in already(path)]
        for old in there:
            check_replaceable(old, overwrite=options.overwrite)
        for old in there:
            if old.parent != folder:  # the others are replaced when there is something to replace them
                old.unlink()
        yield paths


def taken(folder: Path) -> Any:
    return held(folder, "writes to", "another --save")


@contextmanager
def free_folder(base: Path) -> Iterator[Path]:
    """Hold the first of `base`, `base-2`, `base-3`, … that is empty or not there, and that nobody else holds."""
    for number in count(1):
        folder = base if number == 1 else base.with_name(f"{base.name}-{number}")
        if os.path.lexists(folder) and (not folder.is_dir() or set(os.listdir(folder)) - {LOCK}):
            continue
        with ExitStack() as stack:
            try:
                stack.enter_context(taken(folder))
            except TakenError:
                continue
            if set(os.listdir(folder)) == {LOCK}:  # nobody was faster
                yield folder
                return


def already(path: Path) -> list[Path]:
    """What is there of an output: a file, or those of one in a folder."""
    if path.is_dir():
        inside = ((files, other) for ending, (files, other) in INSIDE.items() if path.name.endswith(ending))
        return sorted(one for files, other in inside for one in path.glob(files) if one != path / other)
    return [path] if os.path.lexists(path) and path.suffix else []


def check_replaceable(old: Path, *, overwrite: bool) -> None:
    if not overwrite:
        raise StreamdeqError(f"{old} is there already; choose another --save, or --overwrite an earlier run's files")
    if not made_here(old):
        raise StreamdeqError(
            f"{old} was not made by a run, and --overwrite replaces nothing else; choose another --save"
        )
