"""Slots for pictures in memory that two processes share.

The memory has no name: it is handed over as an open file and is gone with the last process that holds it, however
that process ends. Nothing can leak and nothing has to be cleaned up, also after `kill -9`.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile

import numpy as np

FREE, TAKEN = 0, 1
# The slots' states, one byte each, stand in front of them.
ALIGNMENT = 4096


class Ring:
    """`slots` places for `slot_bytes` each. One process fills free slots, the other empties and frees them.

    Args:
        file: descriptor of the memory; stays the caller's to close.
    """

    def __init__(self, file: int, slots: int, slot_bytes: int) -> None:
        self.slots = slots
        self.slot_bytes = slot_bytes
        self._memory = mmap.mmap(file, total_bytes(slots, slot_bytes))

    def put(self, image: np.ndarray) -> int | None:
        """Copy `image` (uint8) into the first free slot and say which; None if all are taken."""
        slot = self._memory.find(bytes([FREE]), 0, self.slots)
        if slot < 0:
            return None
        self._pixels(slot, image.shape)[:] = image
        self._memory[slot] = TAKEN
        return slot

    def take(self, slot: int, shape: tuple[int, ...]) -> np.ndarray:
        """A copy of what is in `slot`, which is free from then on."""
        image = self._pixels(slot, shape).copy()
        self.free(slot)
        return image

    def free(self, slot: int) -> None:
        self._memory[slot] = FREE

    def _pixels(self, slot: int, shape: tuple[int, ...]) -> np.ndarray:
        start = first_byte(self.slots) + slot * rounded_up(self.slot_bytes)
        return np.ndarray(shape, np.uint8, self._memory, start)


def new_memory(slots: int, slot_bytes: int) -> int:
    """Descriptor of zeroed shared memory for a `Ring`. What is never written to takes no room."""
    file = anonymous_file()
    os.ftruncate(file, total_bytes(slots, slot_bytes))
    return file


def anonymous_file() -> int:
    if sys.platform == "linux":
        return os.memfd_create("streamdeq frames", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def total_bytes(slots: int, slot_bytes: int) -> int:
    return first_byte(slots) + slots * rounded_up(slot_bytes)


def first_byte(slots: int) -> int:
    return rounded_up(slots)


def rounded_up(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
