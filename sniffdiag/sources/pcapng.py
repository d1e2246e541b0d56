"""pcapng files: draft-ietf-opsawg-pcapng, every block that holds frames, in both byte orders.

Name resolution, secrets and vendors' blocks are passed over. A frame in a Simple Packet Block has
no time of its own and gets that of the frame before it. Follows wiretap/pcapng.c where the draft
leaves a choice.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import field
from functools import partial

import numpy as np
import numpy.typing as npt

from sniffdiag.records import dataclass
from sniffdiag.sources.frames import FrameChunk, SourceSummary
from sniffdiag.sources.lanes import Positions
from sniffdiag.sources.numbering import Numbering
from sniffdiag.sources.pcapng_blocks import (
    ENHANCED_PACKET,
    INTERFACE_DESCRIPTION,
    INTERFACE_STATISTICS,
    MAX_BLOCK_BYTES,
    PACKET,
    SECTION_HEAD_BYTES,
    SIMPLE_PACKET,
    ByteOrder,
    PcapngBlocks,
    section_byte_order,
)
from sniffdiag.sources.pcapng_interfaces import Interface, drops_from, interface_from
from sniffdiag.sources.records import stretches
from sniffdiag.sources.window import Window

PACKET_HEAD_BYTES = 28
"""Up to the frame in Enhanced Packet Blocks and obsolete Packet Blocks."""
SIMPLE_HEAD_BYTES = 12
FEWEST_SECTION_HEADER_BYTES = 28
TRAILER_BYTES = 4
PACKET_TYPES = (ENHANCED_PACKET, PACKET, SIMPLE_PACKET)
NO_TIMES_NOTE = (
    "Simple Packet Blocks carry no time: their frames are given that of the frame before"
)


@dataclass(slots=True)
class _Section:
    """What the blocks so far say about the blocks to come."""

    byte_order: ByteOrder
    interfaces: list[Interface] = field(default_factory=list)
    drops: dict[int, int] = field(default_factory=dict)
    last_ts_ns: int = 0

    def note_drops(self, statistics: bytes) -> None:
        """Keep the last count of each interface: the counts run from the start of the capture."""
        if counted := drops_from(statistics, self.byte_order):
            number, drops = counted
            self.drops[number] = drops


@dataclass(frozen=True, slots=True)
class _Packets:
    """Columns of the packet blocks of a stretch."""

    offset: npt.NDArray[np.int64]
    caplen: npt.NDArray[np.int64]
    wirelen: npt.NDArray[np.int64]
    interface: npt.NDArray[np.int64]
    """Number in the section."""
    timestamp: npt.NDArray[np.uint64]
    timed: npt.NDArray[np.bool_]

    def keep(self, rows: npt.NDArray[np.bool_]) -> _Packets:
        """Only these rows."""
        return _Packets(
            self.offset[rows],
            self.caplen[rows],
            self.wirelen[rows],
            self.interface[rows],
            self.timestamp[rows],
            self.timed[rows],
        )


def read_pcapng(
    window: Window, summary: SourceSummary, numbering: Numbering
) -> Iterator[FrameChunk]:
    """The frames of all sections of a file that `section_byte_order` has recognised."""
    last_ts_ns = 0
    while section := _next_section(window, summary):
        section.last_ts_ns = last_ts_ns
        in_order = partial(PcapngBlocks, byte_order=section.byte_order)
        for blocks, walk in stretches(window, in_order, summary):
            stretch = _take_notice(section, blocks, walk.starts, numbering)
            packets = _packets(section, stretch, summary)
            if packets.offset.size:
                chunk = _chunk(section, blocks, packets, numbering)
                section.last_ts_ns = int(chunk.ts_ns[-1])
                yield numbering.count(chunk, summary)
        last_ts_ns = section.last_ts_ns
        summary.dropped += sum(section.drops.values())


def _next_section(window: Window, summary: SourceSummary) -> _Section | None:
    """Use up the section header at the front of the window, if it is whole."""
    if not window.require(SECTION_HEAD_BYTES):
        return None
    head = window.take(SECTION_HEAD_BYTES)
    byte_order = section_byte_order(head)
    if byte_order is None:
        return None
    (length,) = struct.unpack_from(byte_order + "I", head, 4)
    if not FEWEST_SECTION_HEADER_BYTES <= length <= MAX_BLOCK_BYTES:
        summary.corrupt_records += 1
        return _Section(byte_order)
    if not window.require(length - SECTION_HEAD_BYTES):
        summary.cut_short = True
        return None
    window.begin += length - SECTION_HEAD_BYTES
    return _Section(byte_order)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Blocks of one section and what was known when each of them came."""

    blocks: PcapngBlocks
    starts: Positions
    types: npt.NDArray[np.uint32]
    interfaces_known: npt.NDArray[np.int64]


def _take_notice(
    section: _Section, blocks: PcapngBlocks, starts: Positions, numbering: Numbering
) -> _Stretch:
    """Learn from the blocks that describe interfaces and their losses, in file order."""
    types = blocks.types(starts)
    learnt = np.zeros(starts.shape, dtype=np.int64)
    known_before = len(section.interfaces)
    telling = (types == INTERFACE_DESCRIPTION) | (types == INTERFACE_STATISTICS)
    for row in np.flatnonzero(telling).tolist():
        block = blocks.block(int(starts[row]))
        if types[row] == INTERFACE_STATISTICS:
            section.note_drops(block)
        elif interface := interface_from(block, section.byte_order, numbering.next_interface):
            numbering.take_interface()
            section.interfaces.append(interface)
            learnt[row] = 1
    return _Stretch(blocks, starts, types, known_before + np.cumsum(learnt))


def _packets(section: _Section, stretch: _Stretch, summary: SourceSummary) -> _Packets:
    """The packet blocks; those that contradict themselves are counted instead."""
    is_packet = np.isin(stretch.types, PACKET_TYPES)
    starts, types = stretch.starts[is_packet], stretch.types[is_packet]
    words = stretch.blocks.words(starts, PACKET_HEAD_BYTES)
    simple = types == SIMPLE_PACKET
    head_bytes = np.where(simple, SIMPLE_HEAD_BYTES, PACKET_HEAD_BYTES)
    room = words[1] - head_bytes - TRAILER_BYTES
    number = _interface_numbers(words[2], types, section.byte_order)
    caplen, wirelen = words[5], words[6]
    if simple.any():
        snaplen = section.interfaces[0].snaplen if section.interfaces else 0
        wirelen = np.where(simple, words[2], wirelen)
        longest = np.minimum(room, snaplen) if snaplen else room
        caplen = np.where(simple, np.minimum(wirelen, longest), caplen)
        if NO_TIMES_NOTE not in summary.notes:
            summary.notes.append(NO_TIMES_NOTE)
    packets = _Packets(
        offset=starts + head_bytes,
        caplen=caplen,
        wirelen=np.maximum(wirelen, caplen),
        interface=number,
        timestamp=words[3].astype(np.uint64) << np.uint64(32) | words[4].astype(np.uint64),
        timed=~simple,
    )
    right = (room >= 0) & (caplen <= room) & (number < stretch.interfaces_known[is_packet])
    if right.all():
        return packets
    summary.corrupt_records += int(np.count_nonzero(~right))
    return packets.keep(right)


def _interface_numbers(
    words: npt.NDArray[np.int64], types: npt.NDArray[np.uint32], byte_order: ByteOrder
) -> npt.NDArray[np.int64]:
    """32 bits in Enhanced Packet Blocks, the first 16 in obsolete ones, 0 for Simple ones."""
    first_half = words & 0xFFFF if byte_order == "<" else words >> 16
    return np.select([types == ENHANCED_PACKET, types == PACKET], [words, first_half], 0)


def _chunk(
    section: _Section, blocks: PcapngBlocks, packets: _Packets, numbering: Numbering
) -> FrameChunk:
    interfaces = section.interfaces
    linktypes = np.array([interface.linktype for interface in interfaces], dtype=np.int32)
    indices = np.array([interface.index for interface in interfaces], dtype=np.int32)
    return FrameChunk(
        data=blocks.data,
        offset=packets.offset,
        caplen=packets.caplen,
        wirelen=packets.wirelen,
        ts_ns=_timestamps(section, packets),
        linktype=linktypes[packets.interface],
        interface=indices[packets.interface],
        first_frame=numbering.next_frame,
    )


def _timestamps(section: _Section, packets: _Packets) -> npt.NDArray[np.int64]:
    clocks = {interface.clock for interface in section.interfaces}
    if len(clocks) == 1:
        ts_ns = clocks.pop().nanoseconds(packets.timestamp)
    else:
        ts_ns = np.zeros(packets.timestamp.shape, dtype=np.int64)
        for number in np.unique(packets.interface).tolist():
            rows = packets.interface == number
            clock = section.interfaces[number].clock
            ts_ns[rows] = clock.nanoseconds(packets.timestamp[rows])
    if packets.timed.all():
        return ts_ns
    rows_with_time = np.where(packets.timed, np.arange(ts_ns.size), -1)
    before = np.maximum.accumulate(rows_with_time)
    return np.where(before >= 0, ts_ns[before], section.last_ts_ns)
