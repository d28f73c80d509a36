"""The one exception a user is meant to see."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

#: What PyTorch's allocators, oneDNN, CUDA and its libraries say when there is no more.
SHORT_OF_MEMORY = re.compile(
    r"can't allocate memory|not enough memory|out of memory|bad_alloc|alloc_failed", re.IGNORECASE
)


class StreamdeqError(Exception):
    """A problem the user can act on.

    The message is one line: what was expected, what came, what to do. The command line prints it and
    exits with code 2; in Python it is raised as it is. Anything else that escapes is a bug.
    """


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
