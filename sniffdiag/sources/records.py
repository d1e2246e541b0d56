"""The loop that all capture formats share: walk, hand out, carry over, get past damage.

It yields stretches of records; a format turns each into a `FrameChunk`. What it finds depends
on the bytes alone, never on how they arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from sniffdiag.sources.frames import SourceSummary
from sniffdiag.sources.lanes import Positions, Walk, complete_records
from sniffdiag.sources.resync import ResumableRecords, find_resumption
from sniffdiag.sources.window import Window

SPAN_AFTER_DAMAGE_BYTES = 64 * 1024
"""Damage is rarely alone, and what is walked beyond it is walked again: start small, double."""

UNBOUNDED_SPAN = 1 << 62
MOST_DAMAGED_PLACES = 10_000
"""In one section. What is damaged more often is no capture with damage but damage with frames."""

R = TypeVar("R", bound=ResumableRecords)


def stretches(
    window: Window, records_in: Callable[[Window], R], summary: SourceSummary
) -> Iterator[tuple[R, Walk]]:
    """Complete records from `window.begin` to the next section or the end of the stream."""
    span = UNBOUNDED_SPAN
    damaged_places = 0
    while damaged_places <= MOST_DAMAGED_PLACES:
        records = records_in(window)
        walk = complete_records(records, window.begin, window.end, span)
        if walk.starts.size:
            yield records, walk
        window.begin = walk.stop
        if walk.broken:
            if records.section_starts(_one(walk.stop))[0]:
                return
            damaged_places += 1
            summary.corrupt_records += 1
            _pass_over_damage(window, records_in, summary)
            span = SPAN_AFTER_DAMAGE_BYTES
        elif not walk.incomplete:
            span *= 2
        elif not window.refill():
            summary.cut_short |= window.available > 0
            return
    summary.cut_short = True
    summary.notes.append(f"more than {MOST_DAMAGED_PLACES} damaged places: the rest is not read")


def _one(start: int) -> Positions:
    return np.array([start], dtype=np.int64)


def _pass_over_damage(
    window: Window, records_in: Callable[[Window], ResumableRecords], summary: SourceSummary
) -> None:
    """Move the window to the next believable record, or to the end of the stream."""
    window.begin += 1
    summary.skipped_bytes += 1
    while True:
        found = find_resumption(
            records_in(window), window.begin, window.end, at_end_of_stream=window.at_end_of_stream
        )
        summary.skipped_bytes += found.at - window.begin
        window.begin = found.at
        if found.decided:
            return
        window.refill()
