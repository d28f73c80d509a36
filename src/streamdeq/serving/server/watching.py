"""The rules of cameras at work: from their answers to records, those of events among them, and clips."""

import logging
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from streamdeq.errors import StreamdeqError
from streamdeq.results.record import Record
from streamdeq.rules.clips import ClipRecorder
from streamdeq.rules.config import Rules
from streamdeq.rules.marks import draw_marks
from streamdeq.rules.watch import Watch
from streamdeq.serving.server.published import Published

log = logging.getLogger("streamdeq.serving")


@dataclass(eq=False)
class _Watched:
    rules: Rules
    watch: Watch
    clips: ClipRecorder | None

    def close(self) -> None:
        if self.clips is not None:
            self.clips.close()


class Watching:
    """Takes the answers of all cameras, each one's in order; for one thread."""

    def __init__(self) -> None:
        self._cameras: dict[str, _Watched] = {}

    def records(self, published: Published) -> list[Record]:
        """The record of an answer, and those of what the camera's rules see in it."""
        record = published.record()
        watched = self._of(published)
        if watched is None:
            return [record]
        events, marks = watched.watch.update(published.result, camera=published.camera, at=record["at"])
        if watched.clips is not None:
            picture = draw_marks(published.task.draw(published.frame.image, published.result), marks)
            try:
                events = watched.clips.take(replace(published.frame, image=picture), events)
            except StreamdeqError as error:  # the records go on
                log.warning("camera %s: no clips any more: %s", published.camera, error)
                watched.clips = None
        return [record, *events]

    def _of(self, published: Published) -> _Watched | None:
        """What watches the camera; begun anew where its rules are others."""
        watched, rules = self._cameras.get(published.camera), published.rules
        if watched is not None and watched.rules == rules:
            return watched
        if watched is not None:
            self._cameras.pop(published.camera).close()
        if rules is None:
            return None
        clips = None if rules.clips is None else ClipRecorder(rules.clips)
        self._cameras[published.camera] = _Watched(rules, Watch(rules), clips)
        return self._cameras[published.camera]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Films at hand become whole."""
        for watched in self._cameras.values():
            watched.close()
