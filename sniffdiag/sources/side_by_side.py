"""Several captures read as one: after each other, and side by side where they overlap in time.

A file is opened when its first frame's turn has come. While only one is open its chunks are passed
on as they are; frames of several are put in order of time, as mergecap does it: within a file the
order stays, and a frame is due when the latest time of its file so far is. Interfaces of files that
follow one another are taken for the same, so that a rotated capture is one capture; files side by
side have interfaces of their own.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from sniffdiag.records import dataclass
from sniffdiag.sources.frames import FrameChunk, SourceSummary, rows_of
from sniffdiag.sources.numbering import Numbering
from sniffdiag.sources.window import SLACK_BYTES

Ints = npt.NDArray[np.int64]
Side: TypeAlias = Literal["left", "right"]

INTERFACES_PER_LANE = 4_096
MOST_OPEN = 256
"""Files read at the same time; those beyond wait. Far below the usual limit of 1,024."""


@dataclass(frozen=True, slots=True)
class Later:
    """A capture that is not open yet."""

    first_ts_ns: float
    """Infinite where it is not known: then it is read when all others are."""
    summary: SourceSummary
    begin: Callable[[Numbering, int], Iterator[FrameChunk]]
    """Opens it, given numbers for its interfaces and how many are open already."""


class _Lane:
    """One open capture: a chunk, and how many of its rows have had their turn."""

    __slots__ = ("_chunk", "_chunks", "_done", "_dues", "_latest", "_summary", "number", "order")

    def __init__(self, later: Later, order: int, number: int, others: int) -> None:
        self.order = order
        """Captures are opened in this order, and it decides between frames of the same time."""
        self.number = number
        self._summary: SourceSummary | None = later.summary
        self._chunks = later.begin(Numbering(next_interface=number * INTERFACES_PER_LANE), others)
        self._chunk = _NO_FRAMES
        self._latest = np.iinfo(np.int64).min
        self._dues: Ints | None = None
        self._done = 0

    def advance(self) -> bool:
        """Go on to the next chunk once all rows of this one are done; False at the end."""
        while self._done == self._chunk.rows:
            self._latest = int(self._chunk.ts_ns.max(initial=self._latest))
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._chunk, self._dues, self._done = chunk, None, 0
        return True

    @property
    def dues(self) -> Ints:
        """When each row of the chunk is due: the latest time so far, which never falls."""
        if self._dues is None:
            self._dues = np.maximum(np.maximum.accumulate(self._chunk.ts_ns), self._latest)
        return self._dues

    @property
    def first_due(self) -> int:
        """When the next row is due."""
        return int(self.dues[self._done])

    @property
    def last_due(self) -> tuple[int, int]:
        """No later row of this capture comes before one due then."""
        return int(self.dues[-1]), self.order

    def take_all(self) -> Taken:
        """All rows that are not done yet."""
        return self._take(self._chunk.rows)

    def take(self, due: float, order: int) -> Taken:
        """Those that come before any row of a capture of that order due then, or are that row."""
        latest = int(min(due, np.iinfo(np.int64).max))
        side: Side = "right" if self.order <= order else "left"
        return self._take(int(np.searchsorted(self.dues, latest, side=side)))

    def _take(self, until: int) -> Taken:
        begin, self._done = self._done, max(until, self._done)
        dues = self.dues[begin:until] if self._dues is not None else _NO_DUES
        return Taken(self, rows_of(self._chunk, begin, self._done), dues)

    def begins_with(self, frame: int) -> None:
        """The number of the capture's first frame, once it is known."""
        if self._summary is not None:
            self._summary.first_frame = frame
            self._summary = None


class Taken(NamedTuple):
    """Rows whose turn has come."""

    lane: _Lane
    chunk: FrameChunk
    dues: Ints


_NO_DUES = np.zeros(0, np.int64)
_NO_FRAMES = FrameChunk(
    data=np.zeros(SLACK_BYTES, np.uint8),
    offset=_NO_DUES,
    caplen=_NO_DUES,
    wirelen=_NO_DUES,
    ts_ns=_NO_DUES,
    linktype=_NO_DUES.astype(np.int32),
    interface=_NO_DUES.astype(np.int32),
    first_frame=1,
)


def side_by_side(captures: Sequence[Later]) -> Iterator[FrameChunk]:
    """All frames of captures, given in the order in which they begin, numbered from 1."""
    waiting = deque(captures)
    lanes: list[_Lane] = []
    next_frame = 1
    while waiting or lanes:
        while waiting and _is_next(waiting[0], lanes):
            order = len(captures) - len(waiting)
            lane = _Lane(waiting.popleft(), order, _free_number(lanes), len(lanes))
            lanes += [lane] if lane.advance() else []
        until_ns = waiting[0].first_ts_ns if waiting and len(lanes) < MOST_OPEN else math.inf
        taken = _due(until_ns, lanes)
        if not taken:
            continue
        chunk = _numbered(taken, next_frame) if len(taken) == 1 else _merged(taken, next_frame)
        next_frame += chunk.rows
        yield chunk
        lanes = [lane for lane in lanes if lane.advance()]


def _is_next(later: Later, lanes: Sequence[_Lane]) -> bool:
    """Whether a capture begins before anything that is due in those that are open."""
    if len(lanes) >= MOST_OPEN:
        return False
    return not lanes or later.first_ts_ns < min(lane.first_due for lane in lanes)


def _free_number(lanes: Sequence[_Lane]) -> int:
    taken = {lane.number for lane in lanes}
    return next(number for number in range(len(lanes) + 1) if number not in taken)


def _due(until_ns: float, lanes: Sequence[_Lane]) -> list[Taken]:
    """What no unread frame can come before, if a capture that waits begins at `until_ns`."""
    if len(lanes) == 1 and until_ns == math.inf:
        return [lanes[0].take_all()]
    if not lanes:
        return []
    last = min(lane.last_due for lane in lanes)
    due, order = last if last[0] <= until_ns else (until_ns, len(lanes) + lanes[-1].order)
    return [taken for lane in lanes if (taken := lane.take(due, order)).chunk.rows]


def _numbered(taken: Sequence[Taken], first_frame: int) -> FrameChunk:
    """The rows of one capture, numbered on."""
    ((lane, chunk, _),) = taken
    lane.begins_with(first_frame)
    return chunk if chunk.first_frame == first_frame else replace(chunk, first_frame=first_frame)


def _merged(taken: Sequence[Taken], first_frame: int) -> FrameChunk:
    """The rows of several, with their bytes, in the order in which they are due."""
    order = np.argsort(np.concatenate([one.dues for one in taken]), kind="stable")
    begins = np.cumsum([0, *(one.chunk.rows for one in taken)])
    place = np.empty_like(order)
    place[order] = np.arange(order.shape[0])
    spans, offsets, length = [], [], 0
    for (lane, chunk, _), begin in zip(taken, begins.tolist(), strict=False):
        lane.begins_with(first_frame + int(place[begin]))
        first = int(chunk.offset.min())
        span = chunk.data[first : int((chunk.offset + chunk.caplen).max())]
        spans.append(span)
        offsets.append(chunk.offset - first + length)
        length += span.shape[0]
    columns = {
        name: np.concatenate([getattr(one.chunk, name) for one in taken])[order]
        for name in ("caplen", "wirelen", "ts_ns", "linktype", "interface")
    }
    return FrameChunk(
        data=np.concatenate([*spans, np.zeros(SLACK_BYTES, np.uint8)]),
        offset=np.concatenate(offsets)[order],
        first_frame=first_frame,
        **columns,
    )
