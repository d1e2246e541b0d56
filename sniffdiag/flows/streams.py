"""`Streams`: requests, answers, resets and latencies of HTTP/2, counted as packets come.

As `tallies` counts HTTP/1, with more to look back at, since many requests wait at once: each frame
is counted by itself and the `WINDOW` frames of its flow before it. A frame at the same place of the
stream of bytes repeats it; the first header block of a side on a stream is a request or its answer,
the second are trailers.

Which segments are read depends on a few before them, too: those that begin with frames, and of the
`REACH` that follow in the flow those that show nothing else. The first segments of a table may
follow what an earlier one holds. They are read, and what they hold is `tentative` until that is
known (law 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sniffdiag.decode.headers import TCP_RST
from sniffdiag.flows.chunk import grouped
from sniffdiag.flows.counts import CODE, Counts, cell
from sniffdiag.flows.fragments import SIDES
from sniffdiag.flows.header_tables import HeaderTables, Told
from sniffdiag.flows.messages import places, steps_of
from sniffdiag.flows.stream_codes import NO_GRPC_STATUS, PENDING, grpc_codes, pending_of
from sniffdiag.flows.stream_events import (
    STREAM_EVENT,
    WINDOW,
    StreamContext,
    events_of,
    together,
)
from sniffdiag.flows.tuples import grown
from sniffdiag.model import Transport
from sniffdiag.nominate.messages import FRAMES, GRPC_UNTOLD, MAY_BE_FRAMES, NOT_FRAMES

if TYPE_CHECKING:
    import numpy.typing as npt

    from sniffdiag.flows.chunk import Packets
    from sniffdiag.flows.stream_events import StreamEvents
    from sniffdiag.flows.tuples import Ints
    from sniffdiag.nominate.messages import Segments

REACH = 64
"""Segments of a flow that are read behind one that begins with frames."""
_UNKNOWN, _OPEN, _CLOSED = 0, 1, 2
"""What the latest segment that shows something shows of a flow: nothing yet, frames, or else."""


class Reach:
    """By fragment, which segments are read; see above."""

    __slots__ = ("_since", "_state")

    def __init__(self) -> None:
        self._state = np.zeros(0, np.uint8)
        self._since = np.zeros(0, np.int16)
        """Segments since the one that showed it, or since the first; no more than `REACH`."""

    def choose(self, fragment: Ints, likeness: npt.NDArray[np.uint8]) -> tuple[Ints, Ints]:
        """Which segments of a chunk are read, and as what number of its flow's first, else 0."""
        self.reserve(int(fragment.max(initial=-1)) + 1)
        asked = np.zeros(self._state.shape[0], np.bool_)
        asked[fragment[likeness == FRAMES]] = True
        may_be = fragment[likeness == MAY_BE_FRAMES]
        may_be = may_be[(self._state[may_be] != _CLOSED) & (self._since[may_be] < REACH)]
        asked[may_be] = True
        mine = asked[fragment]
        self._state[fragment[~mine & (likeness == NOT_FRAMES)]] = _CLOSED
        rows = np.flatnonzero(mine)
        rows = rows[grouped(fragment[rows])]
        if not rows.size:
            return rows, rows
        state, since = self._at(fragment[rows], likeness[rows])
        last = np.flatnonzero(np.diff(fragment[rows], append=-1))
        self._state[fragment[rows[last]]] = state[last]
        self._since[fragment[rows[last]]] = np.minimum(since[last], REACH)
        within = (since <= REACH) & (likeness[rows] != NOT_FRAMES) & (state != _CLOSED)
        number = np.where(state == _UNKNOWN, since, 0)
        return rows[within], number[within]

    def _at(
        self, fragment: Ints, likeness: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.uint8], Ints]:
        """State and segments since at each row; equal fragments are adjacent."""
        place = np.arange(fragment.shape[0])
        begins = np.diff(fragment, prepend=-1) != 0
        tells = likeness != MAY_BE_FRAMES
        last = np.maximum.accumulate(np.where(tells | begins, place, 0))
        told = tells[last]
        here = np.where(likeness[last] == FRAMES, _OPEN, _CLOSED)
        carried = self._since[fragment].astype(np.int64) + 1
        state = np.where(told, here, self._state[fragment]).astype(np.uint8)
        return state, place - last + np.where(told, 0, carried)

    def reserve(self, fragments: int) -> None:
        """Make room for so many fragments."""
        used = self._state.shape[0]
        if fragments > used:
            self._state = grown(self._state, used, fragments)
            self._since = grown(self._since, used, fragments)

    def follow(self, later: Reach, target: Ints) -> tuple[npt.NDArray[np.uint8], Ints]:
        """Go on with what a later table knows, whose fragment `i` is `target[i]` here.

        Returns state and segments since before each of theirs.
        """
        self.reserve(int(target.max(initial=-1)) + 1)
        later.reserve(target.shape[0])
        state = np.zeros(target.shape[0], np.uint8)
        since = np.zeros(target.shape[0], np.int64)
        left = np.arange(target.shape[0])
        while left.size:  # two of theirs may be one here
            order = grouped(target[left])
            is_first = np.diff(target[left[order]], prepend=-1) != 0
            rows = left[order[is_first]]
            here = target[rows]
            state[rows], since[rows] = self._state[here], self._since[here]
            goes_on = later._state[rows] == _UNKNOWN
            more = later._since[rows].astype(np.int64) + np.where(goes_on, since[rows], 0)
            self._state[here] = np.where(goes_on, state[rows], later._state[rows])
            self._since[here] = np.minimum(more, REACH)
            left = np.sort(left[order[~is_first]])
        return state, since

    def part(self, target: Ints) -> Reach:
        """A copy of what is known of fragments with a new number in `target`, not -1."""
        copy = Reach()
        copy.reserve(int(target.max(initial=-1)) + 1)
        self.reserve(target.shape[0])
        stays = target >= 0
        copy._state[target[stays]] = self._state[: target.shape[0]][stays]
        copy._since[target[stays]] = self._since[: target.shape[0]][stays]
        return copy


class Streams:
    """A fold over the HTTP/2 messages of chunks. What is counted goes into `counts`."""

    __slots__ = ("_loose", "_open", "_reach", "_tables", "counts", "latencies")

    def __init__(self) -> None:
        self.counts = Counts()
        self.latencies = Counts()
        self._open = np.zeros(0, STREAM_EVENT)
        """Frames that wait to be counted or to be looked back at, by fragment."""
        self._loose: list[StreamEvents] = []
        """Frames that came since, in capture order."""
        self._reach = Reach()
        self._tables = HeaderTables()

    @property
    def loose_rows(self) -> int:
        """Frames that pile up."""
        return sum(each.shape[0] for each in self._loose)

    @property
    def open_rows(self) -> int:
        """Frames that wait."""
        return int(self._open.shape[0])

    def hear(self, packets: Packets, fragment: Ints, segments: Segments) -> Ints:
        """Add the segments of the chunk that follows; the times of what is now known to count."""
        rows, which = _streamed(packets, segments)
        chosen, number = self._reach.choose(fragment[rows], segments.likeness[which])
        if not chosen.size:
            return chosen
        found = segments.read(which[chosen])
        of = rows[chosen[found.segment]]
        sent = rows[chosen]
        begins = (segments.likeness[which[chosen]] == FRAMES) & (number == 0)
        owner = np.where(begins, fragment[sent] * SIDES + packets.side[sent], -1)
        told = self._tables.hear(owner, packets.headers.seq[sent], found)
        events = np.zeros(of.shape[0], STREAM_EVENT)
        for name, column in (
            ("ts_ns", packets.headers.ts_ns[of]),
            ("seq", packets.headers.seq[of] + found.at.astype(np.uint32)),
            ("owner", fragment[of]),
            ("side", packets.side[of]),
            ("tentative", number[found.segment]),
            ("stream", found.stream),
            ("code", found.code),
            ("grpc_status", told.value),
            ("pending", told.pending),
            ("ends", found.ends),
        ):
            events[name] = column
        order = np.argsort(of, kind="stable")  # capture order, not by fragment
        events = events_of(events, order)
        self._loose.append(events)
        times: Ints = events["ts_ns"][events["tentative"] == 0]
        return times

    def follow(self, later: Streams, target: Ints) -> Ints:
        """Take what waits in a later table; times of what is now known to count."""
        state, since = self._reach.follow(later._reach, target)
        events = together([later._open, *later._loose])
        state, since = state[events["owner"]], since[events["owner"]]
        was = events["tentative"] > 0
        number = events["tentative"] + since
        stays = ~was | ((state != _CLOSED) & (number <= REACH))
        events["tentative"] = np.where(was & (state == _UNKNOWN), number, 0)
        counts = was & (state == _OPEN) & stays
        times: Ints = events["ts_ns"][counts]
        self._settle_pending(later, events, target)
        events["owner"] = target[events["owner"]]
        self._loose.append(events_of(events, stays))
        self.add(later, target)
        return times

    def _settle_pending(self, later: Streams, events: StreamEvents, target: Ints) -> None:
        """Let later header tables follow, and settle what waits for that in counts and events."""
        fragment, told, times = later.counts.columns()
        rows = np.flatnonzero(told & CODE >= PENDING)
        side, value, ago = pending_of(told[rows] & CODE)
        waits = np.flatnonzero(events["pending"])
        asked = Told(
            np.concatenate([value, events["grpc_status"][waits]]),
            np.concatenate([ago, events["pending"][waits]]),
        )
        sides = np.arange(SIDES)
        both = (target[:, np.newaxis] * SIDES + sides).reshape(-1)
        owner = np.concatenate(
            [
                fragment[rows] * SIDES + side,
                events["owner"][waits].astype(np.int64) * SIDES + events["side"][waits],
            ]
        )
        found = self._tables.follow(later._tables, both, (owner, asked))
        told[rows] &= ~CODE
        told[rows] |= grpc_codes(side, found.value[: rows.size], found.pending[: rows.size])
        events["grpc_status"][waits] = found.value[rows.size :]
        events["pending"][waits] = found.pending[rows.size :]
        later.counts = Counts()
        later.counts.add_times(fragment, told, times)

    def add(self, other: Streams, target: Ints) -> None:
        """Add another's counts, its fragment `i` as `target[i]`, -1 for none."""
        for mine, theirs in ((self.counts, other.counts), (self.latencies, other.latencies)):
            fragment, cell, times = theirs.columns()
            stays = target[fragment] >= 0
            mine.add_times(target[fragment[stays]], cell[stays], times[stays])

    def part(self, target: Ints) -> Streams:
        """A copy of what belongs to fragments with a new number in `target`, not -1."""
        copy = Streams()
        copy.add(self, target)
        copy._loose.append(self._waiting(target, tentative=True))
        copy._reach = self._reach.part(target)
        stays = np.repeat(target, SIDES)
        both = np.where(stays < 0, -1, stays * SIDES + np.arange(stays.shape[0]) % SIDES)
        copy._tables = self._tables.part(both)
        return copy

    def sealed(self, row: Ints) -> Streams:
        """A copy to count everything in; `row`: the flow of each fragment."""
        copy = Streams()
        copy.add(self, row)
        fragment, told, times = copy.counts.columns()
        copy.counts = Counts()
        told = np.where(told & CODE >= PENDING, told & ~CODE | NO_GRPC_STATUS, told)
        copy.counts.add_times(fragment, told, times)
        events = self._waiting(row, tentative=False)
        events["grpc_status"][events["pending"] > 0] = GRPC_UNTOLD
        events["pending"] = 0
        copy._loose.append(events)
        return copy

    def _waiting(self, target: Ints, *, tentative: bool) -> StreamEvents:
        events = together([self._open, *self._loose])
        stays = target[events["owner"]] >= 0
        if not tentative:
            stays &= events["tentative"] == 0
        events = events_of(events, stays)
        events["owner"] = target[events["owner"]]
        return events

    def first(self, most: int) -> StreamEvents:
        """The first frames of each flow, of those that wait."""
        place, _ = places(self._open["owner"])
        return events_of(self._open, place < most)

    def settle(self, shift: int, *, everything: bool = False) -> None:
        """Count what can be counted, in buckets of 2^`shift` ns, and forget the rest."""
        events = together([self._open, *self._loose])
        self._loose = []
        events = events_of(events, grouped(events["owner"].astype(np.int64)))
        place, left = places(events["owner"])
        tentative = events["tentative"] > 0
        place -= _within_groups(tentative, place)
        due = ~events["counted"] & ~tentative & (everything | (place >= WINDOW))
        if due.any():
            context = StreamContext(events)
            self._count(events, context, due, shift)
        events["counted"] |= due
        kept = (place < WINDOW) | (left <= WINDOW)
        self._open = events_of(events, kept)

    def _count(
        self, events: StreamEvents, context: StreamContext, due: npt.NDArray[np.bool_], shift: int
    ) -> None:
        bucket = events["ts_ns"] >> shift
        for rows, code in context.codes(due):
            self.counts.add(events["owner"][rows], cell(bucket[rows], code))
        answers, taken = context.answers(due)
        self.latencies.add(events["owner"][answers], steps_of(taken))


def _within_groups(mask: npt.NDArray[np.bool_], place: Ints) -> Ints:
    """How many of `mask` there are in each row's group, in which it has the given place."""
    first = np.flatnonzero(place == 0)
    if not first.size:
        return place
    size = np.diff(first, append=place.shape[0])
    counts: Ints = np.add.reduceat(mask.astype(np.int64), first)
    return np.repeat(counts, size)


def _streamed(packets: Packets, segments: Segments) -> tuple[Ints, Ints]:
    """Rows of `packets` that are segments of TCP, and their places among the segments."""
    first, frame = packets.headers.first_frame, packets.frame
    which = np.arange(segments.row.shape[0])
    rows = segments.row
    if rows.size and (frame[-1] - first + 1 != frame.shape[0] or rows[-1] >= frame.shape[0]):
        # Some frames are no packets: unreadable, or captured twice.
        at = np.minimum(np.searchsorted(frame, rows + first), frame.shape[0] - 1)
        which = np.flatnonzero(frame[at] == rows + first)
        rows = at[which]
    # What comes with a RST explains it (RFC 9293 3.5.2) and is no part of the stream.
    good = packets.headers.transport[rows] == Transport.TCP
    good &= packets.flags[rows] & TCP_RST == 0
    return (rows, which) if good.all() else (rows[good], which[good])
