"""The one exception a user is meant to see."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

#: What PyTorch's allocators, oneDNN, CUDA and its libraries say when there is no more.
SHORT_OF_MEMORY = re.compile(
    r"can't allocate memory|not enough memory|out of memory|bad_alloc|alloc_failed", re.IGNORECASE
)


#: Characters that control a terminal, and surrogates, which no UTF-8 has.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
#: Characters of a message's beginning and of its end; what is between them, if anything, is left out.
SHOWN = 3000, 1000


class StreamdeqError(Exception):
    """A problem the user can act on.

    The message is one line: what was expected, what came, what to do. The command line prints it and
    exits with code 2; in Python it is raised as it is. Anything else that escapes is a bug. What came may be anything:
    the line is cut, and holds no character that controls a terminal.
    """

    def __init__(self, message: str = "") -> None:
        first, last = SHOWN
        if len(message) > first + last:
            message = f"{message[:first]} … {message[-last:]}"
        super().__init__(CONTROLS.sub("\N{REPLACEMENT CHARACTER}", message.replace("\n", " ")))
        # What the command line prints: one line, or up to three where each says something of its own.
        self.lines: tuple[str, ...] = (str(self),)


class OutOfMemoryError(StreamdeqError):
    """There is not enough memory, on the processor or on the GPU; the next frame of that size would fail too."""


@contextmanager
def memory_errors() -> Iterator[None]:
    """Whatever says that memory is short becomes an OutOfMemoryError; for functions too, as `@memory_errors()`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not SHORT_OF_MEMORY.search(str(error)):
            raise
        wanted = re.search(r"tried to allocate ([\d.]+ \w+)", str(error), re.IGNORECASE)
        asked = f" for {wanted[1]} more" if wanted else ""
        raise OutOfMemoryError(
            f"not enough memory{asked}: compute at a smaller size (--size N), or train with a smaller batch"
        ) from error


def require(good: bool, name: str, expected: str, got: object) -> None:
    """Raise StreamdeqError unless `good`: the recipe's setting `name` is not what is expected."""
    if not good:
        raise StreamdeqError(f"recipe: {name} must be {expected}; got {got}")
