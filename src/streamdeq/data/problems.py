"""Collect what is wrong with many labels, so that a user corrects all of them at once."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from streamdeq.errors import StreamdeqError

SHOWN = 10


class SeveralProblemsError(StreamdeqError):
    """More than one problem: how many there are, and the first `SHOWN`. `problems` has all of them."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        told = "; ".join(f"({k}) {problem}" for k, problem in enumerate(self.problems[:SHOWN], start=1))
        more = len(self.problems) - SHOWN
        super().__init__(f"{len(self.problems)} problems: {told}" + (f"; and {more} more" if more > 0 else ""))


class Problems:
    """Those of a file or of a split, in order."""

    def __init__(self) -> None:
        self.found: list[str] = []

    @contextmanager
    def collect(self) -> Iterator[None]:
        """What is refused within is kept, and what comes after goes on."""
        try:
            yield
        except StreamdeqError as error:
            self.found += problems_of(error)

    def tell(self) -> None:
        """Raises StreamdeqError if there are any; of a single one its own text."""
        if self.found:
            raise StreamdeqError(self.found[0]) if len(self.found) == 1 else SeveralProblemsError(self.found)


def problems_of(error: StreamdeqError) -> tuple[str, ...]:
    """One by one."""
    return error.problems if isinstance(error, SeveralProblemsError) else (str(error),)
