"""`Tallies`: requests, statuses, resets and latencies of flows, counted as packets come.

What is tallied are messages: segments that begin with a request or status line, and RSTs. Each is
counted by itself and the few messages of its flow before it, in capture order: one with the
sequence number of one of them repeats it; a final status answers the request just before it. So the
first messages of a table wait uncounted for what an earlier table may bring, the last ones stay to
be looked back at, and all others are numbers. However a capture is cut, every message is counted
with the same ones before it (law 3). Memory depends on flows: times are counted in buckets whose
width doubles as the capture goes on. HTTP/2 is heard by `streams`, into the same buckets.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sniffdiag.decode.headers import TCP_RST
from sniffdiag.flows.chunk import grouped
from sniffdiag.flows.counts import BUCKET, CODE, CODE_BITS, Counts, cell
from sniffdiag.flows.messages import (
    CONTEXT,
    EVENT,
    RESET,
    RESET_UNANSWERED,
    Context,
    events_of,
    is_one_sided,
    latency_ns,
    places,
    steps_of,
    together,
)
from sniffdiag.flows.streams import Streams
from sniffdiag.flows.tallied import Tallied
from sniffdiag.model import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from sniffdiag.flows.chunk import Packets
    from sniffdiag.flows.messages import Events
    from sniffdiag.flows.stream_events import StreamEvents
    from sniffdiag.flows.tuples import Ints, Mask
    from sniffdiag.nominate.messages import Messages

MOST_BUCKETS = 64
FINEST_SHIFT = 17
"""The narrowest bucket is 2^17 ns, 0.13 ms."""
ONE_SIDED = 16
"""Messages kept of flows with one side only: its other half may turn up (`flows.redirect`)."""
ONE_SIDED_FRAMES = 64
"""The same of HTTP/2, of whichever sides."""

MANY_LOOSE = 1 << 17
"""Messages that may pile up before they are sorted and counted."""
BATCH = 1 << 15
_TIMES = np.iinfo(np.int64)


class Tallies:
    """A fold over the messages of chunks. An empty one is the unit of `merge`."""

    __slots__ = (
        "_counts",
        "_highest",
        "_latencies",
        "_loose",
        "_lowest",
        "_open",
        "_shift",
        "_streams",
    )

    def __init__(self) -> None:
        self._open = np.zeros(0, EVENT)
        """Messages that wait to be counted or to be looked back at, by fragment."""
        self._loose: list[Events] = []
        """Messages that came since, in capture order."""
        self._counts = Counts()
        self._latencies = Counts()
        self._streams = Streams()
        self._lowest, self._highest = _TIMES.max, _TIMES.min
        self._shift = FINEST_SHIFT

    def hear(self, packets: Packets, fragment: Ints, messages: Messages) -> None:
        """Add the messages of the chunk that follows; `fragment` of each of its packets."""
        if messages.segments is not None:
            self._include_all(self._streams.hear(packets, fragment, messages.segments))
            self._settle_if_many()
        row, code = _with_resets(packets, messages)
        if not row.size:
            return
        events = np.zeros(row.shape[0], EVENT)
        for name, column in (
            ("ts_ns", packets.headers.ts_ns),
            ("seq", packets.headers.seq),
            ("owner", fragment),
            ("side", packets.side),
        ):
            events[name] = column[row]
        events["code"] = code
        self._include_all(events["ts_ns"])
        self._loose.append(events)
        self._settle_if_many()

    def merge(self, other: Tallies, target: Ints) -> None:
        """Add what was captured after everything in this one.

        `target`: the fragment here of each of theirs. `other` is spent.
        """
        other._settle()
        self._include(other._lowest, other._highest, other._shift)
        other._include(self._lowest, self._highest, self._shift)
        self._take(other, other._open, target)
        self._include_all(self._streams.follow(other._streams, target))
        self._settle_if_many()

    def sealed(self, row: Ints) -> Tallied:
        """All counted; `row`: the flow of each fragment. The tallies may be added to afterwards."""
        last = Tallies()
        last._include(self._lowest, self._highest, self._shift)
        last._take(self, together([self._open, *self._loose]), row)
        last._streams = self._streams.sealed(row)
        last._settle(everything=True)
        return last._columns()

    def part(self, target: Ints) -> Tallies:
        """A copy of what belongs to fragments with a new number in `target`, not -1."""
        copy = Tallies()
        copy._include(self._lowest, self._highest, self._shift)
        for mine, theirs in ((copy._counts, self._counts), (copy._latencies, self._latencies)):
            fragment, told, times = theirs.columns()
            stays = target[fragment] >= 0
            mine.add_times(target[fragment[stays]], told[stays], times[stays])
        events = together([self._open, *self._loose])
        events = events_of(events, target[events["owner"]] >= 0)
        events["owner"] = target[events["owner"]]
        copy._loose.append(events)
        copy._streams = self._streams.part(target)
        return copy

    def _take(self, other: Tallies, events: Events, target: Ints) -> None:
        """Add another's counts and messages, its fragment `i` as `target[i]`."""
        for mine, theirs in (
            (self._counts, other._counts),
            (self._latencies, other._latencies),
        ):
            fragment, told, times = theirs.columns()
            mine.add_times(target[fragment], told, times)
        events["owner"] = target[events["owner"]]
        self._loose.append(events)

    def _include_all(self, times: Ints) -> None:
        if times.size:
            self._include(int(times.min()), int(times.max()), FINEST_SHIFT)

    def _include(self, lowest: int, highest: int, shift: int) -> None:
        """Make buckets wide enough for times from `lowest` to `highest`, too."""
        if lowest > highest:
            return
        lowest, highest = min(lowest, self._lowest), max(highest, self._highest)
        shift = max(shift, self._shift)
        while (highest >> shift) - (lowest >> shift) >= MOST_BUCKETS:
            shift += 1
        if shift != self._shift and self._lowest <= self._highest:
            self._counts = self._widened(self._counts, shift)
            self._streams.counts = self._widened(self._streams.counts, shift)
        self._lowest, self._highest, self._shift = lowest, highest, shift

    def _widened(self, counts: Counts, shift: int) -> Counts:
        """The same counts in buckets of 2^`shift` ns."""
        fragment, told, times = counts.columns()
        bucket = _numbered_from(self._lowest >> self._shift, told >> CODE_BITS)
        wider = Counts()
        wider.add_times(fragment, cell(bucket >> (shift - self._shift), told & CODE), times)
        return wider

    def _settle_if_many(self) -> None:
        streams = self._streams
        many = sum(each.shape[0] for each in self._loose) > max(MANY_LOOSE, self._open.shape[0])
        if many or streams.loose_rows > max(MANY_LOOSE, streams.open_rows):
            self._settle()

    def _settle(self, *, everything: bool = False) -> None:
        """Count what can be counted, and forget what nobody looks back at."""
        events = together([self._open, *self._loose])
        self._loose = []
        events = events_of(events, grouped(events["owner"].astype(np.int64)))
        parts = [self._counted(part, everything=everything) for part in _batches(events)]
        self._open = together([events[:0], *parts])
        self._streams.settle(self._shift, everything=everything)

    def _counted(self, events: Events, *, everything: bool) -> Events:
        """Count what can be counted of some fragments; the messages that are kept of them."""
        place, left = places(events["owner"])
        due = ~events["counted"] & (everything | (place >= CONTEXT))
        self._count(events, due, Context(events, place))
        events["counted"] |= due
        kept = (place < ONE_SIDED) & is_one_sided(events, place)
        if not everything:
            kept |= (place < CONTEXT) | (left <= CONTEXT)
        return events_of(events, kept)

    def _count(self, events: Events, due: Mask, before: Context) -> None:
        """Count those messages that are `due`."""
        code = events["code"].copy()
        is_reset = code == RESET
        code[is_reset & before.is_waiting] = RESET_UNANSWERED
        once = np.flatnonzero(due & ~np.where(is_reset, before.holds_reset, before.holds_same))
        bucket = events["ts_ns"][once] >> self._shift
        self._counts.add(events["owner"][once], cell(bucket, code[once]))
        answers, taken = before.answers(due)
        self._latencies.add(events["owner"][answers], steps_of(taken))

    def _columns(self) -> Tallied:
        streams = self._streams
        frames = streams.first(ONE_SIDED_FRAMES)
        told = self._told(self._counts, self._latencies, self._open)
        return replace(told, streams=self._told(streams.counts, streams.latencies, frames))

    def _told(self, counts: Counts, latencies: Counts, halves: Events | StreamEvents) -> Tallied:
        row, told, times = counts.columns()
        is_empty = self._lowest > self._highest
        first = 0 if is_empty else self._lowest >> self._shift
        latency_row, step, answers = latencies.columns()
        return Tallied(
            start_ns=first << self._shift,
            bucket_ns=1 << self._shift,
            buckets=0 if is_empty else (self._highest >> self._shift) - first + 1,
            row=row,
            bucket=_numbered_from(first, told >> CODE_BITS) - first,
            code=(told & CODE).astype(np.uint16),
            times=times,
            latency_row=latency_row,
            latency_ns=latency_ns(step),
            latency_times=answers,
            halves=halves,
        )


def _with_resets(packets: Packets, messages: Messages) -> tuple[Ints, npt.NDArray[np.uint16]]:
    """Rows of `packets` that are messages, RSTs among them, and their codes."""
    row, code = messages.row, messages.code
    first, frame = packets.headers.first_frame, packets.frame
    if row.size and (frame[-1] - first + 1 != frame.shape[0] or row[-1] >= frame.shape[0]):
        # Some frames are no packets: unreadable, or captured twice.
        at = np.minimum(np.searchsorted(frame, row + first), frame.shape[0] - 1)
        is_packet = frame[at] == row + first
        row, code = at[is_packet], code[is_packet]
    # What comes with a RST explains it (RFC 9293 3.5.2) and is no part of the stream.
    of_tcp = packets.headers.transport[row] == Transport.TCP
    of_tcp &= packets.flags[row] & TCP_RST == 0
    if not of_tcp.all():
        row, code = row[of_tcp], code[of_tcp]
    resets = np.flatnonzero(packets.flags & TCP_RST)
    if not resets.size:
        return row, code
    row = np.concatenate([row, resets])
    order = np.argsort(row, kind="stable")
    return row[order], np.append(code, np.full(resets.shape[0], RESET, np.uint16))[order]


def _batches(events: Events) -> Iterator[Events]:
    """Slices of messages ordered by owner, no owner in two of them: their sums fit the cache."""
    owner = events["owner"]
    ends = np.searchsorted(owner, owner[BATCH::BATCH]).tolist()
    for begin, end in pairwise([0, *ends, owner.shape[0]]):
        if begin < end:
            yield events[begin:end]


def _numbered_from(first: int, bucket: Ints) -> Ints:
    """Whole numbers of buckets, of which none is before `first`, from those modulo 4096."""
    whole: Ints = first + ((bucket - first) & BUCKET)
    return whole
