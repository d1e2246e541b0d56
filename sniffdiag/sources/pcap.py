"""Classic pcap files: draft-ietf-opsawg-pcap, and Kuznetzov's variant with 24-byte record headers.

Does not decide what a frame's bytes mean. Follows libpcap sf-pcap.c: the time zone field and the
accuracy field are ignored, the upper bits of the link type (FCS length, class) are masked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from sniffdiag.records import dataclass
from sniffdiag.sources.frames import HEAD_BYTES, FrameChunk, SourceSummary
from sniffdiag.sources.lanes import BROKEN, Mask, Positions, Seen, Walk
from sniffdiag.sources.numbering import Numbering
from sniffdiag.sources.records import stretches
from sniffdiag.sources.window import Window

FILE_HEADER_BYTES = 24
LINKTYPE_MASK = 0xFFFF
VERSION_MAJOR, VERSION_MINOR = 2, 4

MAX_SNAPLEN = 262_144
"""libpcap's MAXIMUM_SNAPLEN: no record is longer unless the file header announces it ..."""
MAX_RECORD_BYTES = 16 * 1024 * 1024
"""... and then up to here, so that a broken header does not make us buffer gigabytes."""
CHAIN_SECONDS = 86_400
"""Neighbours further apart are not believed when looking for the next record after damage."""
MOST_TRIES = 256
"""For one lane: payload may be made of what is searched for."""
NS_PER_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Variant:
    """What a magic number says about the records."""

    record_header_bytes: int
    ns_per_unit: int
    """Of the second half of the timestamps."""


VARIANTS = {
    0xA1B2C3D4: Variant(record_header_bytes=16, ns_per_unit=1000),
    0xA1B23C4D: Variant(record_header_bytes=16, ns_per_unit=1),
    0xA1B2CD34: Variant(record_header_bytes=24, ns_per_unit=1000),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """The file header, as far as it matters."""

    magic: int
    byte_order: Literal["<", ">"]
    snaplen: int
    linktype: int

    @property
    def variant(self) -> Variant:
        """How the records look."""
        return VARIANTS[self.magic]

    @property
    def longest(self) -> int:
        """The greatest caplen that a record may claim."""
        return max(MAX_SNAPLEN, min(self.snaplen, MAX_RECORD_BYTES))


def byte_order_of(head: bytes) -> Literal["<", ">"] | None:
    """The byte order of a pcap file that begins with these bytes, None if it is none."""
    if int.from_bytes(head[:4], "little") in VARIANTS:
        return "<"
    if int.from_bytes(head[:4], "big") in VARIANTS:
        return ">"
    return None


@dataclass(frozen=True, slots=True)
class Headers:
    """Record headers in columns, and the first bytes of their frames."""

    seconds: npt.NDArray[np.int64]
    fractions: npt.NDArray[np.int64]
    caplen: npt.NDArray[np.int64]
    wirelen: npt.NDArray[np.int64]
    frames: npt.NDArray[np.uint8]
    """Shape `(n, HEAD_BYTES)`; see `FrameChunk.heads`."""


class PcapRecords:
    """The records of a pcap file in one buffer (see `lanes.Records`)."""

    def __init__(self, window: Window, layout: Layout) -> None:
        self.layout = layout
        self.data = window.data
        self.header_bytes = layout.variant.record_header_bytes
        self._buffer = window.buffer
        self._end = window.end
        self._longest = layout.longest
        self._fractions_per_second = NS_PER_SECOND // layout.variant.ns_per_unit
        self._caplen_struct = struct.Struct(layout.byte_order + "I")
        self._header_struct = struct.Struct(layout.byte_order + "IIII")
        self._upper_seconds_at = 0 if layout.byte_order == ">" else 2
        self._last = self.data.shape[0] - self.header_bytes
        self._seconds, self._fractions, self._caplens, self._wirelens = (
            self._field(offset) for offset in (0, 4, 8, 12)
        )
        width = self.header_bytes + HEAD_BYTES
        self._beginnings: npt.NDArray[np.void] = np.ndarray(
            shape=(self.data.shape[0] - width + 1,),
            dtype=f"V{width}",
            buffer=self._buffer,
            strides=(1,),
        )

    def _field(self, offset: int) -> npt.NDArray[np.uint32]:
        """A header field as if a record began at every byte of the buffer."""
        return np.ndarray(
            shape=(self._last + 1,),
            dtype=self.layout.byte_order + "u4",
            buffer=self._buffer,
            offset=offset,
            strides=(1,),
        )

    def _begun(self, starts: Positions) -> npt.NDArray[np.void]:
        """The headers of records, each with the first `HEAD_BYTES` behind it."""
        begun: npt.NDArray[np.void] = self._beginnings[
            np.minimum(starts, self._beginnings.shape[0] - 1)
        ]
        return begun

    def headers(self, walk: Walk) -> Headers:
        """The headers of records that were walked."""
        begun = self._begun(walk.starts) if walk.seen is None else walk.seen
        fields = begun.view(self.layout.byte_order + "u4").reshape(begun.size, -1)[:, :4].T
        seconds, fractions, caplen, wirelen = fields.astype(np.int64, order="C")
        frames = begun.view(np.uint8).reshape(begun.size, -1)[:, self.header_bytes :]
        return Headers(seconds, fractions, caplen, wirelen, frames)

    def next_start(self, start: int) -> int:
        """See `lanes.Records`."""
        (caplen,) = self._caplen_struct.unpack_from(self._buffer, start + 8)
        return BROKEN if caplen > self._longest else int(start + self.header_bytes + caplen)

    def next_starts(self, starts: Positions) -> tuple[Positions, Seen]:
        """See `lanes.Records`."""
        begun = self._begun(starts)
        caplens = begun.view(self.layout.byte_order + "u4")[2 :: begun.itemsize // 4]
        following: Positions = starts + caplens
        following += self.header_bytes
        if caplens.max(initial=0) > self._longest:
            following[caplens > self._longest] = BROKEN
        return following, begun

    def sane(self, starts: Positions) -> Mask:
        """All but runs of zeros, such as a writer that crashed leaves, and a second file header."""
        sane = np.ones(starts.shape, dtype=np.bool_)
        # Records that are as long as a header, seen without touching them; of the last one
        # that is not known.
        short = np.append(np.diff(starts) == self.header_bytes, np.ones(1, dtype=np.bool_))
        rows = np.flatnonzero(short[: starts.size])
        at = starts[rows]
        empty = (self._caplens[at] == 0) & (self._wirelens[at] == 0)
        seconds = self._seconds[at]
        sane[rows[empty & ((seconds == 0) | (seconds == self.layout.magic))]] = False
        return sane

    def likely_starts(self, begin: int, targets: range) -> list[int]:
        """Where the upper half of the seconds (18 hours) reads as at `begin`, or one above."""
        upper = self._header_struct.unpack_from(self._buffer, begin)[0] >> 16
        pattern = self._upper_pattern(upper)
        likely: list[int] = []
        for target in targets:
            start = self._likely_start(target, target + targets.step, pattern)
            if start is None:
                later = self._upper_pattern(upper + 1)
                start = self._likely_start(target, target + targets.step, later)
                if start is None:
                    continue
                upper, pattern = upper + 1, later
            likely.append(start)
        return likely

    def _upper_pattern(self, upper: int) -> bytes:
        return (upper & 0xFFFF).to_bytes(2, "big" if self.layout.byte_order == ">" else "little")

    def _likely_start(self, target: int, until: int, pattern: bytes) -> int | None:
        """The first record in [target, until) whose seconds hold the pattern."""
        ahead, find = self._upper_seconds_at, self._buffer.find
        until = min(until, self._end - self.header_bytes) + ahead
        found = target + ahead - 1
        for _ in range(MOST_TRIES):
            found = find(pattern, found + 1, until)
            if found < 0:
                return None
            if self._looks_right(found - ahead):
                return found - ahead
        return None

    def _looks_right(self, start: int) -> bool:
        """Whether a header that looks right is here, and one of about the same time follows it."""
        unpack = self._header_struct.unpack_from
        seconds, fraction, caplen, wirelen = unpack(self._buffer, start)
        if caplen > wirelen or wirelen > MAX_SNAPLEN or fraction >= self._fractions_per_second:
            return False
        after = start + self.header_bytes + caplen
        if after > self._end - self.header_bytes:
            return True
        return bool(abs(unpack(self._buffer, after)[0] - seconds) <= CHAIN_SECONDS)

    def _right_headers(self, where: slice | Positions) -> Mask:
        caplens, wirelens = self._caplens[where], self._wirelens[where]
        right: Mask = (
            (caplens <= wirelens)
            & (caplens > 0)
            & (wirelens <= MAX_SNAPLEN)
            & (self._fractions[where] < self._fractions_per_second)
        )
        return right

    def believable_starts(self, begin: int, end: int) -> Positions:
        """See `resync.ResumableRecords`."""
        starts = begin + np.flatnonzero(self._small_lengths(begin, end))
        return starts[self._right_headers(starts)]

    def _small_lengths(self, begin: int, end: int) -> Mask:
        """Where the upper bytes of both lengths are zero.

        Whole columns of bytes are compared ten times as fast as the fields of `_right_headers`,
        which are no more than a few hundredths of the places once these are sorted out.
        """
        upper = 0 if self.layout.byte_order == ">" else 3
        caplens, wirelens = (self.data[at + upper + begin : at + upper + end] for at in (8, 12))
        small: Mask = (caplens == 0) & (wirelens == 0)
        return small

    def believable_after(self, starts: Positions, following: Positions) -> Mask:
        """See `resync.ResumableRecords`."""
        apart = self._seconds[following].astype(np.int64) - self._seconds[starts]
        near: Mask = np.abs(apart) <= CHAIN_SECONDS
        return self._right_headers(following) & near

    def section_starts(self, starts: Positions) -> Mask:
        """A pcap file has one header only."""
        return np.zeros(starts.shape, dtype=np.bool_)


def layout_of(header: bytes) -> Layout:
    """What a file header that `byte_order_of` recognises says."""
    byte_order = byte_order_of(header) or "<"
    magic, _major, _minor, _zone, _accuracy, snaplen, linktype = struct.unpack(
        byte_order + "IHHiIII", header
    )
    return Layout(magic, byte_order, snaplen, linktype & LINKTYPE_MASK)


def read_pcap(window: Window, summary: SourceSummary, numbering: Numbering) -> Iterator[FrameChunk]:
    """The frames of a pcap file whose first bytes `byte_order_of` has recognised."""
    if not window.require(FILE_HEADER_BYTES):
        summary.cut_short = True
        return
    header = bytes(window.buffer[window.begin : window.begin + FILE_HEADER_BYTES])
    layout = layout_of(header)
    window.begin += FILE_HEADER_BYTES
    interface = numbering.take_interface()
    for records, walk in stretches(window, partial(PcapRecords, layout=layout), summary):
        read = records.headers(walk)
        ts_ns = read.seconds * NS_PER_SECOND
        ts_ns += read.fractions * layout.variant.ns_per_unit
        yield numbering.count(
            FrameChunk(
                data=records.data,
                offset=walk.starts + layout.variant.record_header_bytes,
                caplen=read.caplen,
                wirelen=np.maximum(read.wirelen, read.caplen),
                ts_ns=ts_ns,
                linktype=np.full(walk.starts.shape, layout.linktype, dtype=np.int32),
                interface=np.full(walk.starts.shape, interface, dtype=np.int32),
                first_frame=numbering.next_frame,
                heads=read.frames,
            ),
            summary,
        )
