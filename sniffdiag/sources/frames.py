"""`FrameChunk`: what every source yields, be it a file, a pipe or an interface.

A chunk is one buffer and the columns that say where its frames lie. It knows nothing of headers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sniffdiag.records import dataclass

HEAD_BYTES = 48
"""Ethernet, IPv4 without options and TCP up to its flags."""


@dataclass(frozen=True, slots=True)
class FrameChunk:
    """Consecutive frames of a capture. All columns have one row a frame (shape `(n,)`).

    `data` is borrowed: a source may reuse its memory once the next chunk is asked for, so whoever
    wants bytes for longer copies them. At least 64 readable bytes follow the last frame (zero or
    anything), so that fixed-width gathers never run off the buffer.
    """

    data: npt.NDArray[np.uint8]
    offset: npt.NDArray[np.int64]
    """Where the frame's first byte lies in `data`."""
    caplen: npt.NDArray[np.int64]
    """Bytes captured."""
    wirelen: npt.NDArray[np.int64]
    """Bytes on the wire."""
    ts_ns: npt.NDArray[np.int64]
    """Nanoseconds since 1970-01-01 UTC."""
    linktype: npt.NDArray[np.int32]
    """LINKTYPE_ value of the interface (tcpdump.org/linktypes.html)."""
    interface: npt.NDArray[np.int32]
    """Its number, over all files of the run; files that follow one another share interfaces."""
    first_frame: int
    """1-based number of row 0, counted over all files of the run."""
    heads: npt.NDArray[np.uint8] | None = None
    """The `HEAD_BYTES` from each `offset` on, shape `(n, HEAD_BYTES)`, where the source came by
    them anyhow. Behind a shorter frame comes what follows it in `data`."""

    @property
    def rows(self) -> int:
        """Number of frames."""
        return int(self.offset.shape[0])


def rows_of(chunk: FrameChunk, begin: int, end: int) -> FrameChunk:
    """Consecutive rows of a chunk over the same bytes."""
    if (begin, end) == (0, chunk.rows):
        return chunk
    part = slice(begin, end)
    return replace(
        chunk,
        offset=chunk.offset[part],
        caplen=chunk.caplen[part],
        wirelen=chunk.wirelen[part],
        ts_ns=chunk.ts_ns[part],
        linktype=chunk.linktype[part],
        interface=chunk.interface[part],
        first_frame=chunk.first_frame + begin,
        heads=None if chunk.heads is None else chunk.heads[part],
    )


@dataclass(slots=True)
class SourceSummary:
    """What a source could read and what it could not; complete once its chunks are exhausted."""

    name: str
    """As the user typed it."""
    format: str = ""
    """pcap, pcapng, with "+gzip" and so on for what was around it."""
    frames: int = 0
    bytes: int = 0
    """Captured bytes of all frames."""
    first_frame: int = 0
    truncated_frames: int = 0
    """Frames whose caplen is below their wirelen (snapshot length)."""
    cut_short: bool = False
    """The file ends in the middle of a record."""
    corrupt_records: int = 0
    skipped_bytes: int = 0
    """Bytes passed over to find the next plausible record."""
    dropped: int = 0
    """Packets that the capturing kernel or interface says it lost (pcapng ISB)."""
    notes: list[str] = field(default_factory=list)
    """One plain sentence for each thing worth telling that no counter holds."""


class Source(Protocol):
    """An iterable of chunks with a summary that grows while it is read."""

    @property
    def summaries(self) -> list[SourceSummary]:
        """One summary for every file read so far."""

    @property
    def bytes_total(self) -> int | None:
        """Size of everything there is to read, None where the end is not known."""

    @property
    def bytes_read(self) -> int:
        """How far reading is, in the same bytes."""

    def __iter__(self) -> Iterator[FrameChunk]: ...
