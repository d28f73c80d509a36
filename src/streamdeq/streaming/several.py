"""Several videos at once: their frames are computed together, each stays what it is alone."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Generic, Self

from streamdeq.errors import StreamdeqError, memory_errors
from streamdeq.pictures import as_rgb
from streamdeq.streaming.engine import Engine, Row
from streamdeq.streaming.loop import run_steps
from streamdeq.streaming.stream import Finish, R
from streamdeq.values.frame import Frame
from streamdeq.values.numbers import check_number


class Streams(Generic[R]):
    """A row of an engine for each of `count` videos. Use it as a context manager.

    Call it with a frame for each, or say None for a video that has none just now.

    Args:
        evaluations: applications of f for a frame.
        keep: false to start every frame from zeros.
        finish: has the last word on every answer.
    """

    def __init__(self, engine: Engine, count: int, evaluations: int, *, keep: bool, finish: Finish[R]) -> None:
        check_number("count", count, whole=True, least=1)
        self._engine, self._evaluations, self._keep, self._finish = engine, evaluations, keep, finish
        self._rows: list[Row] = [engine.open() for _ in range(count)]
        self._frames: list[Frame | None] = [None] * count
        self._seen = [0] * count
        self._active: list[int] = []

    def __len__(self) -> int:
        return len(self._rows)

    def __call__(self, images: Sequence[Any]) -> list[R | None]:
        """The answers for a frame of each video, (H, W, 3) uint8 RGB or what `as_rgb` makes that of; None for None."""
        self.observe(images)
        self.iterate(self._evaluations)
        return self.read()

    @memory_errors()
    def observe(self, images: Sequence[Any]) -> None:
        """New frames; then `iterate` as often as there is time, and `read`.

        Raises:
            StreamdeqError: another number of frames than of videos, or something that is no picture.
        """
        self._check_open()
        if len(images) != len(self._rows):
            raise StreamdeqError(f"expected a frame, or None, for each of {len(self._rows)} videos, got {len(images)}")
        frames = [None if image is None else as_rgb(image) for image in images]
        self._active = [n for n, image in enumerate(frames) if image is not None]
        for n in self._active:
            image = frames[n]
            assert image is not None
            self._frames[n] = Frame(image, self._seen[n], 0.0)
            self._seen[n] += 1
        shown = [frame for n in self._active if (frame := self._frames[n]) is not None]
        self._engine.observe([self._rows[n] for n in self._active], shown, keep=self._keep)

    @memory_errors()
    def iterate(self, steps: int = 1) -> None:
        """So many applications of f for the frames that were observed last."""
        self._check_open()
        check_number("steps", steps, whole=True, least=0)
        run_steps(self._engine, [self._rows[n] for n in self._active], steps, read=())

    @memory_errors()
    def read(self) -> list[R | None]:
        """The answers as they stand; None for a video that had no frame."""
        self._check_open()
        answers: list[R | None] = [None] * len(self._rows)
        for n, result in zip(self._active, self._engine.read([self._rows[n] for n in self._active]), strict=True):
            frame = self._frames[n]
            assert frame is not None
            answers[n] = self._finish(result, frame)
        return answers

    def reset(self, number: int) -> None:
        """Forget the past of one video: its next frame starts from zeros."""
        self._check_open()
        self._engine.reset(self._rows[number])

    def close(self) -> None:
        """Give the memory back."""
        for row in self._rows:
            self._engine.close(row)
        self._rows, self._frames, self._active = [], [], []

    def _check_open(self) -> None:
        if not self._rows:
            raise StreamdeqError("these streams are closed; make new ones with model.streams()")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
