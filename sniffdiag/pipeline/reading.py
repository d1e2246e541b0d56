"""Frames folded into a flow table: by this process alone, or parts of a large file by several.

Folding in parts is law 3 put to use: the parts are folded apart and merged in capture order, and
nothing downstream can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, replace
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from sniffdiag.decode.decode import decode
from sniffdiag.decode.headers import DecodeStatus, HeaderTable
from sniffdiag.flows.table import FlowTable
from sniffdiag.nominate.messages import Messages, messages_of
from sniffdiag.nominate.nominate import Tags, nominate
from sniffdiag.nominate.segments import segments_of
from sniffdiag.pipeline.copying import CopyWatch, Mask
from sniffdiag.pipeline.forks import CAN_FORK, Fork
from sniffdiag.pipeline.interrupt import Interrupt
from sniffdiag.pipeline.memory import keep_freed_memory
from sniffdiag.records import dataclass
from sniffdiag.sources.captures import open_sources
from sniffdiag.sources.frames import FrameChunk, Source, SourceSummary
from sniffdiag.sources.parts import Part, PartSource, parts_of

if TYPE_CHECKING:
    from sniffdiag.observe.sealed_early import SealedEarly

_NO_TS = np.iinfo(np.int64)


class Watcher(Protocol):
    """Whoever wants to know how far a run is."""

    def __call__(self, *, frames: int, bytes_read: int, bytes_total: int | None) -> None:
        """Called after each chunk; `bytes_total` is None where the end is not known."""


@dataclass(slots=True)
class Totals:
    """What is counted of every frame, in a flow or not: sums and extremes only."""

    frames: int = 0
    bytes: int = 0
    truncated: int = 0
    copies: int = 0
    first_ts_ns: int = _NO_TS.max
    last_ts_ns: int = _NO_TS.min
    statuses: npt.NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(len(DecodeStatus), dtype=np.int64)
    )
    interrupted: bool = False

    def add(
        self, chunk: FrameChunk, status: npt.NDArray[np.uint8], copied: Mask | None = None
    ) -> None:
        """Count the frames of one chunk."""
        if not chunk.rows:
            return
        self.frames += chunk.rows
        self.bytes += int(chunk.wirelen.sum())
        self.truncated += int(np.count_nonzero(chunk.caplen < chunk.wirelen))
        self.copies += 0 if copied is None else int(np.count_nonzero(copied))
        self.first_ts_ns = min(self.first_ts_ns, int(chunk.ts_ns.min()))
        self.last_ts_ns = max(self.last_ts_ns, int(chunk.ts_ns.max()))
        self.statuses += np.bincount(status, minlength=len(DecodeStatus))

    def include(self, other: Totals) -> None:
        """What another part of the capture counted."""
        self.frames += other.frames
        self.bytes += other.bytes
        self.truncated += other.truncated
        self.copies += other.copies
        self.first_ts_ns = min(self.first_ts_ns, other.first_ts_ns)
        self.last_ts_ns = max(self.last_ts_ns, other.last_ts_ns)
        self.statuses += other.statuses
        self.interrupted |= other.interrupted


def _nothing() -> None:
    pass


@dataclass(slots=True)
class Reading:
    """A capture folded to its end, or as far as it is read."""

    table: FlowTable
    totals: Totals
    summaries: list[SourceSummary]
    copies: CopyWatch = field(default_factory=CopyWatch)
    early: SealedEarly | None = None
    """Flows that made room for others; only a capture that goes on for days has any."""

    def fold(self, chunk: FrameChunk) -> None:
        """Add the chunk that follows."""
        headers = decode(chunk)
        copied = self.copies.among(chunk, headers)
        messages = (
            messages_of_chunk(chunk.data, headers) if self.table.tallies is not None else None
        )
        tags = partial(tags_of, chunk.data, headers)
        self.table.fold(headers, chunk.data, tags, copied, messages)
        self.totals.add(chunk, headers.status, copied)


@dataclass(frozen=True, slots=True)
class ReadingPlan:
    """Who reads, and what for."""

    processes: int = 1
    """At most so many."""
    tallies: bool = True
    """Whether requests, statuses and latencies are counted."""
    meanwhile: Callable[[], object] = _nothing
    """Done by this process when others have begun to read."""

    def new_table(self) -> FlowTable:
        """What every process folds into."""
        return FlowTable(tallies=self.tallies)


def read(
    captures: Sequence[str],
    *,
    stdin: BinaryIO | None,
    watcher: Watcher | None,
    plan: ReadingPlan = ReadingPlan(),
) -> Reading:
    """Fold everything that the names stand for, one large pcap file in parts.

    Raises:
        SourceError: No capture can be read.
    """
    keep_freed_memory()
    parts = parts_of(captures, plan.processes) if CAN_FORK else ()
    together = _read_parts(parts, plan, watcher) if parts else None
    return together or _fold(open_sources(captures, stdin=stdin), plan.new_table(), watcher)


def _fold(
    source: Source, table: FlowTable, watcher: Watcher | None, *, in_parts: bool = False
) -> Reading:
    """Everything the source yields; `in_parts` only as long as there can be no copies."""
    reading = Reading(table, Totals(), source.summaries)
    with Interrupt() as interrupt:
        for chunk in _chunks(source, interrupt):
            reading.fold(chunk)
            if in_parts and reading.copies.several:
                break
            if watcher is not None:
                watcher(
                    frames=reading.totals.frames,
                    bytes_read=source.bytes_read,
                    bytes_total=source.bytes_total,
                )
    reading.totals.interrupted = interrupt.asked
    return reading


def tags_of(data: npt.NDArray[np.uint8], headers: HeaderTable, rows: npt.NDArray[np.int64]) -> Tags:
    """The tags of rows of a chunk whose headers are decoded."""
    return nominate(data, headers.payload_at[rows], headers.payload_len[rows])


def messages_of_chunk(data: npt.NDArray[np.uint8], headers: HeaderTable) -> Messages:
    """What HTTP messages begin in a chunk: here every segment is looked at."""
    rows = np.flatnonzero(headers.payload_len)
    at, captured = headers.payload_at[rows], headers.payload_len[rows].astype(np.int64)
    tags = tags_of(data, headers, rows)
    payload = (at, captured, headers.payload_wirelen[rows].astype(np.int64))
    segments = segments_of(data, rows, payload, tags)
    return replace(messages_of(data, rows, at, tags), segments=segments)


def _chunks(source: Source, interrupt: Interrupt) -> Iterator[FrameChunk]:
    """The source's chunks until its end, or until the user asks to stop."""
    chunks = iter(source)
    while not interrupt.asked:
        try:
            with interrupt.waiting():
                chunk = next(chunks, None)
        except KeyboardInterrupt:
            return
        if chunk is None:
            return
        yield chunk


def _fold_part(part: Part, plan: ReadingPlan) -> Reading | None:
    """In a child: the reading of a part, None where it cannot stand alone."""
    source = PartSource(part)
    reading = _fold(source, plan.new_table(), watcher=None, in_parts=True)
    stands_alone = source.ends_whole and not reading.copies.several
    return reading if stands_alone and not reading.totals.interrupted else None


def _read_parts(
    parts: Sequence[Part], plan: ReadingPlan, watcher: Watcher | None
) -> Reading | None:
    """All parts folded and merged; None if one of them turns out not to begin at a record.

    None, too, where a packet may have been captured twice: only who has read what comes before can
    tell copies.
    """
    children = [Fork(partial(_fold_part, part, plan)) for part in parts[1:]]
    try:
        plan.meanwhile()
        source = PartSource(parts[0])
        whole = _fold(source, plan.new_table(), watcher, in_parts=True)
        if whole.totals.interrupted:
            return whole
        if not source.ends_whole or not whole.copies.may_be_followed:
            return None
        for child in children:
            reading, stopped = _awaited(child)
            if stopped:
                whole.totals.interrupted = True
                return whole
            if not isinstance(reading, Reading) or reading.copies.first != whole.copies.first:
                return None
            _append(whole, reading)
        return whole
    finally:
        for child in children:
            child.stop()


def _awaited(child: Fork) -> tuple[object, bool]:
    """What the child read, and whether Ctrl-C ended the wait for it."""
    with Interrupt() as interrupt:
        try:
            with interrupt.waiting():
                return child.result(), False
        except KeyboardInterrupt:
            return None, True


def _append(whole: Reading, later: Reading) -> None:
    """Let `later` follow: its frames are numbered on, its flows merged."""
    later.table.renumber(whole.totals.frames)
    whole.table.merge(later.table)
    whole.totals.include(later.totals)
    mine, theirs = whole.summaries[0], later.summaries[0]
    mine.frames += theirs.frames
    mine.bytes += theirs.bytes
    mine.truncated_frames += theirs.truncated_frames
