"""Write capture files of every kind, byte by byte, and read bytes back through `sources`.

The writers share no code with the readers, so an error in one does not hide the same in the other.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import lz4.frame
import zstandard

from sniffdiag.sources.formats import read_capture
from sniffdiag.sources.frames import SourceSummary
from sniffdiag.sources.numbering import Numbering
from sniffdiag.sources.rows import FrameRow, rows
from sniffdiag.sources.window import BLOCK_BYTES, ByteStream, Window

MICROSECONDS, NANOSECONDS, KUZNETZOV = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34
ETHERNET = 1
START_NS = 1_700_000_000_000_000_000

COMPRESS = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "lz4": lz4.frame.compress,
    "xz": lzma.compress,
}
BZIP2 = bz2.compress


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame to write."""

    data: bytes
    ts_ns: int = START_NS
    wirelen: int | None = None
    """None: all of it was captured."""

    @property
    def on_wire(self) -> int:
        return len(self.data) if self.wirelen is None else self.wirelen


def frames(*lengths: int) -> list[Frame]:
    """Frames of these lengths, a millisecond apart, with bytes that tell them apart."""
    return [
        Frame(bytes((row + at) % 251 for at in range(length)), START_NS + row * 1_000_000)
        for row, length in enumerate(lengths)
    ]


def pcap(
    records: Iterable[Frame],
    *,
    order: str = "<",
    magic: int = MICROSECONDS,
    linktype: int = ETHERNET,
    snaplen: int = 262144,
) -> bytes:
    """A pcap file."""
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, linktype)
    return head + b"".join(pcap_record(record, order=order, magic=magic) for record in records)


def pcap_record(record: Frame, *, order: str = "<", magic: int = MICROSECONDS) -> bytes:
    """One record."""
    seconds, ns = divmod(record.ts_ns, 10**9)
    fraction = ns if magic == NANOSECONDS else ns // 1000
    lengths = len(record.data), record.on_wire
    head = struct.pack(order + "IIII", seconds, fraction, *lengths)
    if magic == KUZNETZOV:
        head += struct.pack(order + "IHBB", 3, 0x0800, 0, 0)
    return head + record.data


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def option(code: int, value: bytes, order: str = "<") -> bytes:
    """A pcapng option."""
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order: str = "<") -> bytes:
    """A Section Header Block."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(
    order: str = "<", *, linktype: int = ETHERNET, snaplen: int = 0, options: bytes = b""
) -> bytes:
    """An Interface Description Block."""
    return block(1, struct.pack(order + "HHI", linktype, 0, snaplen) + options, order)


def enhanced(
    record: Frame, order: str = "<", *, number: int = 0, units_per_s: int = 10**6
) -> bytes:
    """An Enhanced Packet Block."""
    units = record.ts_ns * units_per_s // 10**9
    lengths = len(record.data), record.on_wire
    head = struct.pack(order + "IIIII", number, units >> 32, units & 0xFFFFFFFF, *lengths)
    return block(6, head + record.data, order)


def obsolete(record: Frame, order: str = "<", *, number: int = 0) -> bytes:
    """A Packet Block."""
    units = record.ts_ns // 1000
    lengths = len(record.data), record.on_wire
    head = struct.pack(order + "HHIIII", number, 7, units >> 32, units & 0xFFFFFFFF, *lengths)
    return block(2, head + record.data, order)


def simple(record: Frame, order: str = "<") -> bytes:
    """A Simple Packet Block."""
    return block(3, struct.pack(order + "I", record.on_wire) + record.data, order)


def statistics(order: str = "<", *, number: int = 0, dropped: int = 0) -> bytes:
    """An Interface Statistics Block with isb_ifdrop."""
    drops = option(5, struct.pack(order + "Q", dropped), order) + option(0, b"", order)
    return block(5, struct.pack(order + "III", number, 0, 0) + drops, order)


def pcapng(records: Iterable[Frame], order: str = "<") -> bytes:
    """A pcapng file with one interface."""
    packets = b"".join(enhanced(record, order) for record in records)
    return section(order) + interface(order) + packets


def deceptive_frames(seed: int, count: int) -> list[Frame]:
    """Frames whose payloads look like record headers, of any length, at times that jump."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    now = START_NS
    found = []
    for _ in range(count):
        now += chance.choice((0, 1000, 10**6, 10**6, 10**6, 10**9, 70_000 * 10**9, -(10**7)))
        length = chance.choice((0, 1, 14, 60, 66, 66, 500, 1514, 1514, 9000))
        length = 65535 if chance.random() < 1 / 500 else length
        bait = pcap_record(Frame(bytes(chance.randrange(40)), now)) * 4
        filler = chance.choice((bait, chance.randbytes(97), bytes(50), b"GET / HTTP/1.1\r\n"))
        shift = chance.randrange(16)
        data = (bytes(shift) + filler * (length // len(filler) + 1))[:length]
        wirelen = length + chance.choice((0, 0, 0, 1, 1400))
        found.append(Frame(data, now // 1000 * 1000, wirelen))
    return found


DRIBBLES = 300
"""A long capture does not dribble byte by byte: that would take minutes."""


class Dribble:
    """A pipe that gives a few bytes at a time."""

    def __init__(self, content: bytes, sizes: Sequence[int]) -> None:
        self._content = io.BytesIO(content)
        fewest = len(content) // DRIBBLES
        self._sizes = [max(size, fewest) for size in sizes]
        self._turn = 0

    def readinto(self, buffer: memoryview, /) -> int:
        """As a raw file does."""
        size = self._sizes[self._turn % len(self._sizes)]
        self._turn += 1
        return self._content.readinto(buffer[:size])


def read(
    content: bytes, *, block_bytes: int = BLOCK_BYTES, stream: ByteStream | None = None
) -> tuple[list[FrameRow], SourceSummary]:
    """All frames in these bytes, and the summary."""
    summary = SourceSummary("capture")
    window = Window(stream or io.BytesIO(content), block_bytes)
    return list(rows(read_capture(window, summary, Numbering()))), summary
