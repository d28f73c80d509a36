"""A queue between two threads, bounded by the number of items and by the bytes they hold."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")

#: Pictures that wait may take so much together: five of full HD, one of 4K.
WAITING_BYTES = 32 << 20


class BoundedQueue(Generic[T]):
    """First in, first out. Whoever puts waits while it is full; one item may be in it whatever its size.

    Args:
        items: so many may wait.
        size: bytes of them together.
    """

    def __init__(self, items: int, size: int = WAITING_BYTES) -> None:
        self._most, self._most_bytes = items, size
        self._items: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self._changed = threading.Condition()

    def put(self, item: T, size: int = 0, timeout_s: float | None = None) -> bool:
        """Add `item` of `size` bytes; False if there was no room within `timeout_s`."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._room(size), timeout_s):
                return False
            self._items.append((item, size))
            self._bytes += size
            self._changed.notify_all()
            return True

    def wait(self, size: int, timeout_s: float | None = None) -> bool:
        """Until an item of `size` bytes would have room; False if there was none within `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._room(size), timeout_s)

    def get(self) -> T:
        """The oldest item; waits for it."""
        with self._changed:
            self._changed.wait_for(lambda: self._items)
            item, size = self._items.popleft()
            self._bytes -= size
            self._changed.notify_all()
            return item

    def _room(self, size: int) -> bool:
        return not self._items or (len(self._items) < self._most and self._bytes + size <= self._most_bytes)
