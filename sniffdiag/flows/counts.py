"""`Counts`: how often what was seen of each fragment, as a sparse table that merges (law 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from sniffdiag.flows.tuples import Ints

CELL_BITS = 32
MANY_LOOSE = 1 << 18
"""Rows that may pile up before equal ones are added together."""
_CELL = (1 << CELL_BITS) - 1
CODE_BITS = 14
CODE = (1 << CODE_BITS) - 1
BUCKET = 0xFFF
"""Buckets of time are numbered modulo 4096: far more than there ever are at once."""


def cell(bucket: Ints, code: npt.NDArray[Any]) -> Ints:
    """Bucket of time and code as one number."""
    number: Ints = ((bucket & BUCKET) << CODE_BITS) | code
    return number


class Counts:
    """Times by fragment and cell; a cell is any number of `CELL_BITS` bits."""

    __slots__ = ("_key", "_loose", "_loose_rows", "_times")

    def __init__(self) -> None:
        self._key = np.zeros(0, np.int64)
        """Fragment, then cell: distinct, in ascending order."""
        self._times = np.zeros(0, np.int64)
        self._loose: list[Ints] = []
        """Keys that came since, each as often as it was seen."""
        self._loose_rows = 0

    def add(self, fragment: npt.NDArray[np.integer], cell: Ints) -> None:
        """Count one of each."""
        self._loose.append((fragment.astype(np.int64) << CELL_BITS) | cell)
        self._loose_rows += cell.shape[0]
        if self._loose_rows > max(MANY_LOOSE, self._key.shape[0]):
            self._sum_up()

    def add_times(self, fragment: Ints, cell: Ints, times: Ints) -> None:
        """Count so many of each."""
        self._sum_up()
        key = (fragment << CELL_BITS) | cell
        # Two ascending runs are merged, not sorted, where the other's fragments kept their order.
        order = np.argsort(np.concatenate([self._key, key]), kind="stable")
        key = np.concatenate([self._key, key])[order]
        first = np.flatnonzero(np.diff(key, prepend=-1))
        times = np.concatenate([self._times, times])[order]
        self._key, self._times = key[first], np.add.reduceat(times, first) if first.size else times

    def columns(self) -> tuple[Ints, Ints, Ints]:
        """Fragments in ascending order, cells and times; no two rows alike in both."""
        self._sum_up()
        return self._key >> CELL_BITS, self._key & _CELL, self._times

    def _sum_up(self) -> None:
        if not self._loose_rows:
            return
        key = np.sort(np.concatenate(self._loose))
        self._loose, self._loose_rows = [], 0
        first = np.flatnonzero(np.diff(key, prepend=-1))
        times = np.diff(first, append=key.shape[0])
        if not self._key.size:
            self._key, self._times = key[first], times
            return
        self.add_times(key[first] >> CELL_BITS, key[first] & _CELL, times)
