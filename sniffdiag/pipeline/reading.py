"""Frames folded into a flow table: by this process alone, or parts of a large file by several.

Folding in parts is law 3 put to use: the parts are folded apart and merged in capture order, and
nothing downstream can tell. The children are forked and end with their part.
"""

from __future__ import annotations

import mmap
import os
import pickle  # noqa: TID251 - between this process and its own children only
import signal
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, NoReturn, Protocol

import numpy as np
import numpy.typing as npt

from sniffdiag.decode.decode import decode
from sniffdiag.decode.headers import DecodeStatus
from sniffdiag.flows.table import FlowTable
from sniffdiag.nominate.nominate import nominate
from sniffdiag.pipeline.interrupt import Interrupt
from sniffdiag.sources.captures import open_sources
from sniffdiag.sources.frames import FrameChunk, Source, SourceSummary
from sniffdiag.sources.parts import Part, PartSource, parts_of

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
    first_ts_ns: int = _NO_TS.max
    last_ts_ns: int = _NO_TS.min
    statuses: npt.NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(len(DecodeStatus), dtype=np.int64)
    )
    interrupted: bool = False

    def add(self, chunk: FrameChunk, status: npt.NDArray[np.uint8]) -> None:
        """Count the frames of one chunk."""
        if not chunk.rows:
            return
        self.frames += chunk.rows
        self.bytes += int(chunk.wirelen.sum())
        self.truncated += int(np.count_nonzero(chunk.caplen < chunk.wirelen))
        self.first_ts_ns = min(self.first_ts_ns, int(chunk.ts_ns.min()))
        self.last_ts_ns = max(self.last_ts_ns, int(chunk.ts_ns.max()))
        self.statuses += np.bincount(status, minlength=len(DecodeStatus))

    def include(self, other: Totals) -> None:
        """What another part of the capture counted."""
        self.frames += other.frames
        self.bytes += other.bytes
        self.truncated += other.truncated
        self.first_ts_ns = min(self.first_ts_ns, other.first_ts_ns)
        self.last_ts_ns = max(self.last_ts_ns, other.last_ts_ns)
        self.statuses += other.statuses
        self.interrupted |= other.interrupted


@dataclass(slots=True)
class Reading:
    """A capture folded to its end, or to where the user stopped it."""

    table: FlowTable
    totals: Totals
    summaries: list[SourceSummary]


def read(
    captures: Sequence[str],
    *,
    stdin: BinaryIO | None,
    watcher: Watcher | None,
    processes: int = 1,
) -> Reading:
    """Fold everything that the names stand for, one large pcap file in up to `processes` parts.

    Raises:
        SourceError: No capture can be read.
    """
    parts = parts_of(captures, processes) if sys.platform == "linux" else ()
    together = _read_parts(parts, watcher) if parts else None
    return together or _fold(open_sources(captures, stdin=stdin), watcher)


def _fold(source: Source, watcher: Watcher | None) -> Reading:
    table, totals = FlowTable(), Totals()
    with Interrupt() as interrupt:
        for chunk in _chunks(source, interrupt):
            headers = decode(chunk)
            tags = nominate(chunk.data, headers.payload_at, headers.payload_len)
            table.fold(headers, chunk.data, tags)
            totals.add(chunk, headers.status)
            if watcher is not None:
                watcher(
                    frames=totals.frames,
                    bytes_read=source.bytes_read,
                    bytes_total=source.bytes_total,
                )
    totals.interrupted = interrupt.asked
    return Reading(table, totals, list(source.summaries))


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


class _Child:
    """A forked process that folds one part and leaves what it read in memory shared with this one.

    Plain fork and an anonymous file: importing `multiprocessing` costs as much as reading ten
    megabytes, and a pipe would copy tens of them twice more.
    """

    def __init__(self, part: Part) -> None:
        self._result = os.memfd_create("sniffdiag-part")
        self._pid = os.fork()
        if self._pid == 0:
            _fold_for(part, self._result)

    def reading(self) -> Reading | None:
        """What it read; None if it died or its part cannot stand alone."""
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        size = os.fstat(self._result).st_size
        return _loaded(mmap.mmap(self._result, size)) if size and status == 0 else None

    def stop(self) -> None:
        """It is not needed any more."""
        os.close(self._result)
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)


def _fold_for(part: Part, result: int) -> NoReturn:
    """In the child: leave the reading, or nothing where the part is not whole, and end."""
    status = 1
    try:
        source = PartSource(part)
        reading = _fold(source, watcher=None)
        if source.ends_whole and not reading.totals.interrupted:
            _leave(reading, result)
        status = 0
    finally:
        os._exit(status)  # whatever happened: nothing of the parent may run twice


_LENGTH = struct.Struct("=Q")
_ALIGNMENT = 64
"""Arrays begin at multiples of a cache line."""


def _leave(reading: Reading, result: int) -> None:
    """Write a pickle and, apart from it so that nobody need copy them, the columns it refers to.

    Layout: number of columns, length of the pickle, length of each column, padding; then the
    columns, each padded; then the pickle.
    """
    columns: list[pickle.PickleBuffer] = []
    body = pickle.dumps(reading, protocol=5, buffer_callback=columns.append)
    raw = [column.raw() for column in columns]
    lengths = [len(raw), len(body), *(len(each) for each in raw)]
    head = b"".join(_LENGTH.pack(length) for length in lengths)
    with open(result, "wb", closefd=False) as file:
        for piece in (memoryview(head), *raw, memoryview(body)):
            file.write(piece)
            file.write(bytes(-len(piece) % _ALIGNMENT))


def _loaded(shared: mmap.mmap) -> Reading | None:
    """What `_leave` left; its columns stay where they are."""
    view = memoryview(shared)
    count, body_len = (_LENGTH.unpack_from(view, at)[0] for at in (0, _LENGTH.size))
    head_len = (2 + count) * _LENGTH.size
    lengths = [
        _LENGTH.unpack_from(view, at)[0] for at in range(2 * _LENGTH.size, head_len, _LENGTH.size)
    ]
    at = head_len + -head_len % _ALIGNMENT
    columns = []
    for length in lengths:
        columns.append(view[at : at + length])
        at += length + -length % _ALIGNMENT
    found = pickle.loads(view[at : at + body_len], buffers=columns)  # noqa: S301 - our own child's
    return found if isinstance(found, Reading) else None


def _read_parts(parts: Sequence[Part], watcher: Watcher | None) -> Reading | None:
    """All parts folded and merged; None if one of them turns out not to begin at a record."""
    children = [_Child(part) for part in parts[1:]]
    try:
        source = PartSource(parts[0])
        whole = _fold(source, watcher)
        if whole.totals.interrupted:
            return whole
        if not source.ends_whole:
            return None
        for child in children:
            reading = child.reading()
            if reading is None:
                return None
            _append(whole, reading)
        return whole
    finally:
        for child in children:
            child.stop()


def _append(whole: Reading, later: Reading) -> None:
    """Let `later` follow: its frames are numbered on, its flows merged."""
    later.table.renumber(whole.totals.frames)
    whole.table.merge(later.table)
    whole.totals.include(later.totals)
    mine, theirs = whole.summaries[0], later.summaries[0]
    mine.frames += theirs.frames
    mine.bytes += theirs.bytes
    mine.truncated_frames += theirs.truncated_frames
