"""Freed memory kept for the next chunk.

The columns of a chunk are each a few hundred kilobytes. Memory of that size the C library gets from
the kernel and gives back as soon as it is free, so that every chunk would find all its pages
missing once more: a twelfth of the time that folding takes.
"""

from __future__ import annotations

import sys
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of `mallopt(3)`, glibc's."""
LARGEST_KEPT_BYTES = 32 << 20
"""A column of more is mapped and given back, as ever; this is the most that glibc allows."""
MOST_KEPT_BYTES = 64 << 20
"""Free memory at the end of the heap beyond which it is given back."""


@cache
def keep_freed_memory() -> None:
    """Asks the C library not to give memory of the size of columns back; another one ignores it."""
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415 - numpy has loaded it by now, `--help` does without

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, MOST_KEPT_BYTES)
