"""The lane walk: where the records of a block start, without a Python step for each record.

The place of a record depends on the length of the one before it, which looks sequential. Here a
few hundred likely record starts, spread over the block, are walked in lockstep, one numpy step for
all of them. A likely start is only ever a guess: a lane must end exactly where the next one begins,
else the next one is walked again from its true start. The result equals `walk_plainly` always.

It knows no file format: that is what `Records` is for.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sniffdiag.records import dataclass

Positions = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Seen = npt.NDArray[Any]
"""What a format reads of each record, one row a record; its own business."""

BROKEN = 1 << 62
"""Stands for the next start after a record that cannot be one. Beyond every buffer."""

SAMPLE = 64
"""Records walked plainly to learn how long the records are; below twice that there is no more."""
LANES_PER_ROOT = 1.3
"""Lanes per square root of the number of records: every lane costs a guess, every record of the
longest lane a numpy step. Measured with records of 80 and of 530 bytes in blocks of 16 MiB."""
LONGEST_LANE = 4
"""Steps per lane wanted, of which there are about as many as records in each: where guesses fail
(the tail of a file is zeros) a few lanes would take all steps, each as dear as one of all lanes."""
STEPS_AT_ONCE = 4
"""Between two looks at whether all lanes have arrived; those that have run on meanwhile."""


class Records(Protocol):
    """A buffer read as a chain of records: what the walks need to know of a file format."""

    @property
    def header_bytes(self) -> int:
        """Bytes that must be there before the length of a record can be read."""

    def next_start(self, start: int) -> int:
        """Where the record after the one at `start` begins, or BROKEN."""

    def next_starts(self, starts: Positions) -> tuple[Positions, Seen]:
        """`next_start` in columns, and what was read for it.

        Starts past the buffer give some later place. To come to a record takes longer than to read
        it, so what a format wants of its records anyhow it had better read now.
        """

    def likely_starts(self, begin: int, targets: range) -> list[int]:
        """Ascending guesses, at most one at or after each target and before the next one.

        A record starts at `begin`; the targets are evenly spaced.
        """

    def sane(self, starts: Positions) -> Mask:
        """Which of these complete records hold what no length check can see."""


@dataclass(frozen=True, slots=True)
class Walk:
    """The complete records found, and why there are no more."""

    starts: Positions
    seen: Seen | None
    """What `Records.next_starts` read of them; None where it was not asked of each."""
    stop: int
    """Where the next record begins."""
    broken: bool
    """No record can begin at `stop`."""
    incomplete: bool
    """The buffer ends before the record at `stop` does."""


def walk_plainly(records: Records, begin: int, bound: int) -> tuple[Positions, int]:
    """Starts from `begin` that lie below `bound`, and the first that does not (or BROKEN)."""
    starts: list[int] = []
    at = begin
    next_start = records.next_start
    while at < bound:
        starts.append(at)
        at = next_start(at)
    return np.array(starts, dtype=np.int64), at


def walk_in_lanes(records: Records, begin: int, bound: int) -> tuple[Positions, int, Seen | None]:
    """The same as `walk_plainly`, many records at a time, and what was seen of each if anything."""
    lane_bytes = _lane_bytes(records, begin, bound)
    if lane_bytes is None:
        return *walk_plainly(records, begin, bound), None
    targets = range(begin + lane_bytes, bound, lane_bytes)
    firsts = np.array([begin, *records.likely_starts(begin, targets)], dtype=np.int64)
    bounds = np.append(firsts[1:], bound)
    rows, seen = [firsts], []
    most_steps = LONGEST_LANE * len(targets)
    while len(rows) <= most_steps and (rows[-1] < bounds).any():
        for _ in range(STEPS_AT_ONCE):
            following, of_each = records.next_starts(rows[-1])
            rows.append(following)
            seen.append(of_each)
    steps = np.array(rows)
    on_lane = steps < bounds
    counts = np.minimum(on_lane.sum(axis=0), len(rows) - 1)
    ends = steps[counts, np.arange(firsts.shape[0])]
    if np.array_equal(ends[:-1], firsts[1:]) and ends[-1] >= bound:
        walked = on_lane.T
        read = np.concatenate(seen).reshape(-1, firsts.shape[0])
        return steps.T[walked], int(ends[-1]), read.T[walked[:, :-1]]
    return *_stitch(records, _Lanes(bounds, steps, counts, ends)), None


def _lane_bytes(records: Records, begin: int, bound: int) -> int | None:
    """How far apart the lanes should start; None if there are too few records for lanes."""
    at = begin
    for _ in range(SAMPLE):
        if at >= bound:
            return None
        at = records.next_start(at)
    if at >= bound:
        return None
    expected = (bound - begin) * SAMPLE / (at - begin)
    lanes = int(LANES_PER_ROOT * math.sqrt(expected))
    return (bound - begin) // lanes if expected > 2 * SAMPLE else None


@dataclass(frozen=True, slots=True)
class _Lanes:
    bounds: Positions
    steps: npt.NDArray[np.int64]
    """One column a lane; only its first `counts` rows lie on it."""
    counts: npt.NDArray[np.int64]
    ends: Positions
    """Where each has come to: below its bound if it was given up."""


def _stitch(records: Records, lanes: _Lanes) -> tuple[Positions, int]:
    """Keep the lanes that begin where the chain arrives and walk the others again."""
    at = int(lanes.steps[0, 0])
    pieces: list[Positions] = []
    for lane, bound in enumerate(lanes.bounds.tolist()):
        if at >= bound:
            continue
        if at == lanes.steps[0, lane]:
            pieces.append(lanes.steps[: lanes.counts[lane], lane])
            at = int(lanes.ends[lane])
        if at < bound:
            piece, at = walk_plainly(records, at, bound)
            pieces.append(piece)
    return np.concatenate(pieces), at


def complete_records(records: Records, begin: int, end: int, span: int) -> Walk:
    """Walk the records that start in the `span` bytes after `begin` and end by `end`."""
    header_whole_below = end - records.header_bytes + 1
    if begin >= header_whole_below:
        return Walk(np.empty(0, dtype=np.int64), None, begin, broken=False, incomplete=True)
    starts, stop, seen = walk_in_lanes(records, begin, min(header_whole_below, begin + span))
    broken = stop == BROKEN
    incomplete = stop > end
    if incomplete:
        stop, starts = int(starts[-1]), starts[:-1]
    insane = np.flatnonzero(~records.sane(starts))
    if insane.size:
        stop, starts, broken = int(starts[insane[0]]), starts[: insane[0]], True
    seen = None if seen is None else seen[: starts.size]
    return Walk(starts, seen, stop, broken, incomplete=incomplete and not broken)
