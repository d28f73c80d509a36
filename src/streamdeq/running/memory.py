"""What a run gives back serves its other threads, or goes back to the system."""

import ctypes
import sys
from contextlib import suppress

from streamdeq.values.geometry import HW

#: `malloc.h`
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -3, -4, -8
#: Pictures above full HD.
LARGE_PIXELS = 1920 * 1088
LARGE_BYTES = 4 << 20
#: Of what is free so much is kept for the next frame.
KEPT_BYTES = (1 << 31) - 1


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


def keep_memory() -> None:
    """Set up glibc for one who computes batches without end: for the process, from now on.

    What is as large as the maps of several rows is mapped anew for every batch otherwise, and each of its pages is
    cleared by the system before it is written to: eight rows' label maps at 480x360 took 70 to 120 ms each instead of
    25, on one core of a virtual machine. The most that the process holds is the same.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            libc = ctypes.CDLL(None)
            libc.mallopt(M_MMAP_MAX, 0)
            libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
