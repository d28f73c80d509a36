"""Choose things by name, the program's own and those that installed packages bring.

A package names a module of its own among its entry points of group `streamdeq`:

    [project.entry-points.streamdeq]
    anything = "my_package"

That module registers things when it is imported (`streamdeq.register`). It is imported when a name is asked for that
nobody has registered yet, or when all choices are wanted; never before, so that what is known costs nothing.
"""

import logging
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from streamdeq.errors import StreamdeqError

T = TypeVar("T")
GROUP = "streamdeq"
log = logging.getLogger("streamdeq.registry")


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
        if name not in self:
            raise StreamdeqError(unknown(self.kind, name, list(self)))
        return self._items[name]

    def __contains__(self, name: object) -> bool:
        if name not in self._items:
            load_plugins()
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        load_plugins()
        return iter(sorted(self._items))


def unknown(kind: str, name: str, choices: list[str]) -> str:
    """The one-line message for a name that is not among `choices`."""
    near = get_close_matches(str(name), choices, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"unknown {kind} '{name}'{hint} (choices: {', '.join(choices)})"


def load_plugins() -> None:
    """Import what the installed packages name, once in a process; of one that fails, a line is logged."""
    waiting = _plugins()
    while waiting:  # a plugin that looks something up while it is imported finds the others here
        plugin = waiting.pop(0)
        try:
            plugin.load()
        except Exception as error:  # whatever somebody else's code raises must not stop ours
            package = plugin.dist.name if plugin.dist else plugin.value
            log.warning("the plugin package '%s' cannot be loaded: %s: %s", package, type(error).__name__, error)


@cache
def _plugins() -> list[EntryPoint]:
    """Those that nobody has loaded yet."""
    return list(entry_points(group=GROUP))
