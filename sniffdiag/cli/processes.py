"""How many processes may read one capture."""

from __future__ import annotations

import os

MOST = 8
"""Beyond that, merging costs more than another process saves."""


def processes() -> int:
    """As many as this process may use cores, within reason."""
    try:
        return min(len(os.sched_getaffinity(0)), MOST)
    except AttributeError:  # only Linux tells, and only there files are read in parts
        return 1
