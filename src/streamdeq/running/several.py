"""Many sources through one model: a run each, a thread each; on a GPU their frames are computed together."""

import os
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from glob import iglob
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import Literal

from streamdeq.api import Model
from streamdeq.errors import StreamdeqError
from streamdeq.running.naming import WILD, output_name
from streamdeq.running.options import RunOptions
from streamdeq.running.outputs import free_folder
from streamdeq.running.run import Run
from streamdeq.video import redacted
from streamdeq.video.images import IMAGE_SUFFIXES, natural
from streamdeq.video.live import parse_address

#: Files that are run at the same time; live sources all are.
AT_ONCE = 10
#: Those of which one file may well be a video.
MOVING = {".apng", ".avif", ".gif", ".webp"}


@dataclass(eq=False)
class Part:
    """One source of several: its run, once that has begun, and why it ended if not by the source's end.

    `name` is that of its folder and its records, `label` what to call it.
    """

    spec: str
    label: str
    name: str
    live: bool
    run: Run | None = None
    problem: StreamdeqError | None = None


@dataclass(frozen=True, eq=False)
class Told:
    """What happens to a part: it has begun, with `total` frames if that is known; a frame's answer is there, with its
    residual; it has ended."""

    part: Part
    what: Literal["begun", "frame", "ended"]
    total: int | None = None
    residual: float = float("nan")


class Runs:
    """A pass over each of several sources, `AT_ONCE` files at a time: iterate over `results`, then look at `parts`.

    One that cannot be read, or whose files cannot be written, has a `problem` and stops no other.

    Args:
        sources: as `sources_of` gives them.
        options: for each; of `save` each source gets a folder of its own.

    Attributes:
        seconds: wall time of all.
    """

    def __init__(self, model: Model, sources: Sequence[str], options: RunOptions, at_once: int = AT_ONCE) -> None:
        self.parts = parts_of(sources)
        # On a CPU threads that compute each by itself keep the cores busy: batches were half as fast
        # (benchmarks/many_sources.py). A GPU is waited for once per batch.
        self._model = model if model.functions.device.type == "cpu" else model.gathered()
        self._options = options
        self._at_once = at_once
        self._told: SimpleQueue[Told | BaseException | None] = SimpleQueue()
        self._stopping = False
        self.seconds = 0.0

    def stop(self) -> None:
        """End every run after the frame at hand, and begin none. For any thread, and for signal handlers."""
        self._stopping = True
        for part in self.parts:
            if part.run is not None:
                part.run.stop()

    def results(self) -> Iterator[Told]:
        """What happens, as it happens, until all have ended; left early, all are stopped, and files made whole.

        Raises:
            StreamdeqError: there is no place for the folders, or what says where to look cannot be loaded.
        """
        options, files = self._options, deque(part for part in self.parts if not part.live)
        lists = [deque([part]) for part in self.parts if part.live] + [files] * min(self._at_once, len(files))
        boxes = self._model.finder(options.boxes)
        began = perf_counter()
        with ExitStack() as stack:
            base = options.save
            if base is not None and options.numbered:
                base = stack.enter_context(free_folder(base))
            options = replace(options, save=base, numbered=False, boxes=boxes)
            threads = [Thread(target=self._work, args=(some, options), name="run") for some in lists]
            stack.callback(self._end, threads)
            for thread in threads:
                thread.start()
            for _ in threads:
                while (told := self._told.get()) is not None:
                    if isinstance(told, BaseException):
                        raise told
                    self.seconds = perf_counter() - began
                    yield told

    def _end(self, threads: Sequence[Thread]) -> None:
        self.stop()
        for thread in threads:
            if thread.ident is not None:
                thread.join()

    def _work(self, parts: deque[Part], options: RunOptions) -> None:
        """In a thread: one source after another."""
        try:
            while not self._stopping:
                try:
                    part = parts.popleft()
                except IndexError:
                    break
                if part.problem is None:
                    self._pass(part, options)
                self._told.put(Told(part, "ended"))
        except BaseException as error:  # a bug: whoever waits for answers must hear of it
            self._told.put(error)
        finally:
            self._told.put(None)

    def _pass(self, part: Part, options: RunOptions) -> None:
        folder = None if options.save is None else options.save / part.name
        try:
            part.run = work = Run(self._model, part.spec, replace(options, save=folder), name=part.name)
            if self._stopping:  # before it could be told
                work.stop()
            self._told.put(Told(part, "begun", total=work.total))
            with work.results() as results:
                for result in results:
                    self._told.put(Told(part, "frame", residual=result.status.residual))
        except StreamdeqError as error:
            part.problem = error
            if folder is not None:
                with suppress(OSError):  # something is in it
                    folder.rmdir()


def sources_of(given: Sequence[str]) -> list[str]:
    """One for each source that the user named: of a pattern that matches other files than pictures each of those.

    Raises:
        StreamdeqError: several pictures by themselves, where somebody forgot the quotes of a pattern.
    """
    found: list[str] = []
    for one in given:
        films: list[str] = []
        if WILD & set(one) and not os.path.lexists(one) and "://" not in one:
            names = iglob(os.path.expanduser(one), recursive=True)
            films = sorted((name for name in names if os.path.isfile(name) and not _is_picture(name, ())), key=natural)
        found += films or [one]
    pictures = [one for one in found if _is_picture(one, MOVING) and os.path.isfile(one)]
    if len(pictures) > 1:
        raise StreamdeqError(
            f"{len(pictures)} pictures were given one by one, from {pictures[0]} on: "
            "put their pattern in quotes ('frames/*.png'), or give their folder, to take them as one video"
        )
    return found


def parts_of(sources: Sequence[str]) -> list[Part]:
    """With names that differ: those of the sources, the second of a name as NAME-2."""
    parts: list[Part] = []
    taken: set[str] = set()
    for spec in sources:
        try:
            address, problem = parse_address(spec), None
        except StreamdeqError as error:
            address, problem = None, error
        label = redacted(spec) if address is None else address.label
        kind = "images" if WILD & set(spec) or os.path.isdir(os.path.expanduser(spec)) else "video"
        first = output_name(label, "camera" if address is not None else kind, spec)
        names = (first if n == 1 else f"{first}-{n}" for n in range(1, len(sources) + 2))
        name = next(one for one in names if one.casefold() not in taken)
        taken.add(name.casefold())
        parts.append(Part(spec, label, name, address is not None, problem=problem))
    return parts


def _is_picture(name: str, otherwise: Collection[str]) -> bool:
    suffix = Path(name).suffix.lower()
    return suffix in IMAGE_SUFFIXES and suffix not in otherwise
