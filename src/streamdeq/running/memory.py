"""What a run gives back serves its other threads, or goes back to the system."""

import ctypes
import sys
from contextlib import suppress

from streamdeq.values.geometry import HW

#: `malloc.h`
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
#: Pictures above full HD.
LARGE_PIXELS = 1920 * 1088
LARGE_BYTES = 4 << 20


def save_memory(size_hw: HW | None) -> None:
    """Set up glibc for pictures of this size: for the process, from now on.

    Each thread that decodes, solves or encodes has an arena of its own otherwise, and keeps in it what it frees: 100 MB
    of pictures of many sizes. And what is as large as a part of a large picture is mapped by itself, for between others
    it leaves gaps: 100 MB of 4K. A new mapping costs time, so smaller pictures do without.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            libc = ctypes.CDLL(None)
            libc.mallopt(M_ARENA_MAX, 2)
            if size_hw is not None and size_hw[0] * size_hw[1] > LARGE_PIXELS:
                libc.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
