"""A source as plain rows, for tests and for small captures: one object a frame, bytes copied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sniffdiag.records import dataclass
from sniffdiag.sources.frames import FrameChunk


@dataclass(frozen=True, slots=True)
class FrameRow:
    """One row of a `FrameChunk` with the frame's own bytes."""

    frame: int
    ts_ns: int
    wirelen: int
    linktype: int
    interface: int
    data: bytes


def rows(source: Iterable[FrameChunk]) -> Iterator[FrameRow]:
    """Every frame of a source, in order."""
    for chunk in source:
        columns = (chunk.offset, chunk.caplen, chunk.ts_ns, chunk.wirelen, chunk.linktype)
        table = zip(*(column.tolist() for column in (*columns, chunk.interface)), strict=True)
        for frame, row in enumerate(table, start=chunk.first_frame):
            offset, caplen, ts_ns, wirelen, linktype, interface = row
            data = chunk.data[offset : offset + caplen].tobytes()
            yield FrameRow(frame, ts_ns, wirelen, linktype, interface, data)
