"""Choose things by name. An unknown name lists the choices and the nearest spelling."""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Generic, TypeVar

from streamdeq.errors import StreamdeqError

T = TypeVar("T")


class Registry(Generic[T]):
    """A mapping from name to thing whose errors help. `kind` is the noun used in messages."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._items: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        def add(item: T) -> T:
            if name in self._items:
                raise ValueError(f"{self.kind} '{name}' is registered twice")
            self._items[name] = item
            return item

        return add

    def __getitem__(self, name: str) -> T:
        if name not in self._items:
            raise StreamdeqError(unknown(self.kind, name, list(self)))
        return self._items[name]

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._items))


def unknown(kind: str, name: str, choices: list[str]) -> str:
    """The one-line message for a name that is not among `choices`."""
    near = get_close_matches(name, choices, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"unknown {kind} '{name}'{hint} (choices: {', '.join(choices)})"
