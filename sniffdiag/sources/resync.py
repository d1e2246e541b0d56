"""From a broken record to the next believable one.

A start is believed when three records that each look right follow each other there, or fewer that
end exactly with the file. The search is a pure function of the bytes: where they do not decide yet
it says so and asks for more, so the size of the blocks never changes the outcome.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from sniffdiag.records import dataclass
from sniffdiag.sources.lanes import BROKEN, Mask, Positions, Records

CHAIN = 3
"""Records in a row that make a start believable."""
FIRST_SCAN_BYTES = 4096
LARGEST_SCAN_BYTES = 256 * 1024


class ResumableRecords(Records, Protocol):
    """What the search needs to know of a file format beyond what the walk needs."""

    data: npt.NDArray[np.uint8]
    """The buffer."""

    def believable_starts(self, begin: int, end: int) -> Positions:
        """Positions in [begin, end) at which a header looks right; all their headers are whole."""

    def believable_after(self, starts: Positions, following: Positions) -> Mask:
        """Whether the headers at `following` look right after those at `starts`."""

    def section_starts(self, starts: Positions) -> Mask:
        """Where the file begins anew, which needs no chain to be believed."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where reading can go on. Everything before `at` is ruled out."""

    at: int
    decided: bool
    """False if the bytes so far do not say whether a record starts at `at`."""


def find_resumption(
    records: ResumableRecords, begin: int, end: int, *, at_end_of_stream: bool
) -> Resumption:
    """The first believable start in [begin, end)."""
    last = end - records.header_bytes + 1
    size = FIRST_SCAN_BYTES
    while begin < last:
        until = min(begin + size, last)
        starts = _right_starts(records, begin, until)
        if starts.size:
            believed, undecided = _judge(records, starts, end, at_end_of_stream=at_end_of_stream)
            hits = np.flatnonzero(believed | undecided)
            if hits.size:
                return Resumption(int(starts[hits[0]]), decided=bool(believed[hits[0]]))
        begin, size = until, min(2 * size, LARGEST_SCAN_BYTES)
    if at_end_of_stream:
        return Resumption(end, decided=True)
    return Resumption(begin, decided=False)


def _right_starts(records: ResumableRecords, begin: int, end: int) -> Positions:
    """Where in [begin, end) a header looks right, which none of zeros alone does.

    Gigabytes of zeros are what a file that was preallocated, or is sparse, has for a tail.
    """
    if not records.data[begin : end + records.header_bytes - 1].max():
        return np.empty(0, dtype=np.int64)
    return records.believable_starts(begin, end)


def _judge(
    records: ResumableRecords, starts: Positions, end: int, *, at_end_of_stream: bool
) -> tuple[Mask, Mask]:
    """At which of the starts a chain begins, and for which the bytes end too early to tell."""
    believed = records.section_starts(starts)
    undecided = np.zeros(starts.shape, dtype=np.bool_)
    alive = np.ones(starts.shape, dtype=np.bool_)
    at = starts
    for _ in range(CHAIN - 1):
        following, _ = records.next_starts(at)
        header_whole = following <= end - records.header_bytes
        if at_end_of_stream:
            believed |= alive & (following == end)
        else:
            undecided |= alive & ~header_whole & (following != BROKEN)
        alive &= header_whole
        alive[alive] = records.believable_after(at[alive], following[alive])
        at = np.where(alive, following, at)
    return believed | alive, undecided & ~believed
