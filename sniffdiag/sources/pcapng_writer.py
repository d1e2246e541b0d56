"""Frame chunks written as pcapng (draft-ietf-opsawg-pcapng), a whole chunk with a few system calls.

Packet data is never copied here: the kernel gathers it from where the frames lie (writev), and what
goes between two packets (padding, the length of one, the header of the next) from one array. What
is written is the kernel's at once, so a process that is killed loses only the chunk in its hands.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sniffdiag.records import dataclass
from sniffdiag.sources.frames import FrameChunk
from sniffdiag.sources.pcapng_blocks import (
    BYTE_ORDER_MAGIC,
    ENHANCED_PACKET,
    INTERFACE_DESCRIPTION,
    INTERFACE_STATISTICS,
    SECTION_HEADER,
)
from sniffdiag.version import VERSION

if TYPE_CHECKING:
    Ints = npt.NDArray[np.int64]

SHB_USERAPPL, IF_NAME, IF_TSRESOL, IF_FILTER, ISB_OSDROP = 4, 2, 9, 11, 7
_NANOSECONDS = b"\x09"
_UNKNOWN_LENGTH = -1
_LIBPCAP_FILTER = b"\x00"

MOST_VECTORS = 1024
"""IOV_MAX of Linux and the BSDs."""

_AROUND = np.dtype(
    [
        ("padding", "=u4"),
        ("length_before", "=u4"),
        ("type", "=u4"),
        ("length", "=u4"),
        ("interface", "=u4"),
        ("ts_high", "=u4"),
        ("ts_low", "=u4"),
        ("caplen", "=u4"),
        ("wirelen", "=u4"),
    ]
)
"""The end of one Enhanced Packet Block and the beginning of the next, both around packet data."""
_HEAD_AT, _HEAD_LEN, _LENGTH_LEN = 8, 28, 4
BLOCK_OVERHEAD = _HEAD_LEN + _LENGTH_LEN


@dataclass(frozen=True, slots=True)
class WrittenInterface:
    """What an Interface Description Block says."""

    linktype: int
    name: str = ""
    snaplen: int = 0
    """0 is no limit."""
    filter: str = ""


class PartlyWrittenError(OSError):
    """As the error of writev(2); only some blocks are in the file."""

    def __init__(self, blocks: int, problem: OSError) -> None:
        super().__init__(problem.errno, problem.strerror)
        self.blocks = blocks


class PcapngWriter:
    """One section, written to a file descriptor that stays the caller's."""

    def __init__(self, descriptor: int, interfaces: list[WrittenInterface]) -> None:
        """Writes the section's header and describes its interfaces; OSError as `write`."""
        self._descriptor = descriptor
        self._described = 0
        self._last_ts_ns = 0
        self.size = 0
        """Bytes written so far, whole blocks."""
        self.packets = 0
        self._write(section_header())
        self._describe(interfaces)

    def write(self, chunk: FrameChunk, interfaces: list[WrittenInterface]) -> None:
        """Append all frames of a chunk.

        Raises:
            OSError: The disk is full, the reader gone. What could be written stays: the file ends
                with a whole block if it can, and `packets` counts those that are in it.
        """
        if not chunk.rows:
            return
        self._describe(interfaces)
        self._last_ts_ns = int(chunk.ts_ns[-1])
        around = _around(chunk)
        before = self.packets
        self.packets += chunk.rows
        try:
            self._append(_vectors(chunk, around), around["length_before"][1:])
        except PartlyWrittenError as error:
            self.packets = before + error.blocks
            raise

    def finish(self, drops: Mapping[int, int]) -> None:
        """Say how many packets each interface lost."""
        for interface in range(self._described):
            self._write(statistics_block(interface, self._last_ts_ns, drops.get(interface, 0)))

    def _describe(self, interfaces: list[WrittenInterface]) -> None:
        for interface in interfaces[self._described :]:
            self._write(interface_block(interface))
            self._described += 1

    def _write(self, block: bytes) -> None:
        source = np.frombuffer(block, np.uint8)
        length = np.array([source.shape[0]], np.uint32)
        self._append(np.array([[source.ctypes.data, source.shape[0]]], np.uint64), length)

    def _append(self, vectors: npt.NDArray[np.uint64], lengths: npt.NDArray[np.uint32]) -> None:
        """Write blocks of these `lengths`, all of them or as many whole ones as there is room."""
        ends = np.cumsum(lengths, dtype=np.int64)
        written, problem = write_vectors(self._descriptor, vectors)
        whole = int(np.searchsorted(ends, written, side="right"))
        self.size += int(ends[whole - 1]) if whole else 0
        if problem is not None:
            _cut(self._descriptor, self.size)
            raise PartlyWrittenError(whole, problem)


def _cut(descriptor: int, size: int) -> None:
    """Take back a half-written block, if this is a file."""
    try:
        os.ftruncate(descriptor, size)
        os.lseek(descriptor, size, os.SEEK_SET)  # what follows must leave no hole
    except OSError:
        return


def padded(length: Ints) -> Ints:
    """Lengths as they are in the file, where blocks begin at multiples of 4."""
    return length + (-length & 3)


def _around(chunk: FrameChunk) -> npt.NDArray[np.void]:
    """One row before each packet and one after the last."""
    length = (padded(chunk.caplen) + BLOCK_OVERHEAD).astype(np.uint32)
    ts = chunk.ts_ns.astype(np.uint64)
    around = np.zeros(chunk.rows + 1, _AROUND)
    around["length_before"][1:] = length
    before = around[:-1]
    before["type"] = ENHANCED_PACKET
    before["length"] = length
    before["interface"] = chunk.interface
    before["ts_high"] = (ts >> np.uint64(32)).astype(np.uint32)
    before["ts_low"] = (ts & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    before["caplen"] = chunk.caplen
    before["wirelen"] = chunk.wirelen
    return around


def _vectors(chunk: FrameChunk, around: npt.NDArray[np.void]) -> npt.NDArray[np.uint64]:
    """Address and length of all that is written, in order: `struct iovec`, shape (2n+1, 2)."""
    vectors = np.zeros((2 * chunk.rows + 1, 2), np.uint64)
    vectors[1::2, 0] = chunk.data.ctypes.data + chunk.offset
    vectors[1::2, 1] = chunk.caplen
    # The padding of the packet before ends where its length begins; there is none before the first.
    padding = padded(chunk.caplen) - chunk.caplen
    begin = np.full(chunk.rows + 1, _HEAD_AT)
    begin[1:] = _HEAD_AT - _LENGTH_LEN - padding
    end = np.full(chunk.rows + 1, _HEAD_AT + _HEAD_LEN)
    end[-1] = _HEAD_AT
    places = around.ctypes.data + np.arange(chunk.rows + 1) * _AROUND.itemsize
    vectors[0::2, 0] = places + begin
    vectors[0::2, 1] = end - begin
    return vectors


def write_vectors(descriptor: int, vectors: npt.NDArray[np.uint64]) -> tuple[int, OSError | None]:
    """Write all of it if there is room; how many bytes were written, and why not more (writev)."""
    left = vectors.copy()
    total = done = 0
    while done < left.shape[0]:
        part = left[done : done + MOST_VECTORS]
        try:
            written = _writev(descriptor, part)
        except OSError as error:
            return total, error
        total += written
        ends = np.cumsum(part[:, 1], dtype=np.int64)
        whole = int(np.searchsorted(ends, written, side="right"))
        rest = written - (int(ends[whole - 1]) if whole else 0)
        done += whole
        if rest:
            left[done, 0] += np.uint64(rest)
            left[done, 1] -= np.uint64(rest)
    return total, None


def _writev(descriptor: int, part: npt.NDArray[np.uint64]) -> int:
    while True:
        written = _LIBC.writev(descriptor, part.ctypes.data, part.shape[0])
        if written >= 0:
            return int(written)
        number = ctypes.get_errno()
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))


def _c_library() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.writev.restype = ctypes.c_ssize_t
    libc.writev.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
    return libc


_LIBC = _c_library()


def section_header() -> bytes:
    """A section in this machine's byte order, of unknown length."""
    options = _option(SHB_USERAPPL, f"sniffdiag {VERSION}".encode())
    return _block(
        SECTION_HEADER, struct.pack("=IHHq", BYTE_ORDER_MAGIC, 1, 0, _UNKNOWN_LENGTH) + options
    )


def interface_block(interface: WrittenInterface) -> bytes:
    """An interface whose packets have times in nanoseconds."""
    options = [_option(IF_NAME, interface.name.encode())] if interface.name else []
    options.append(_option(IF_TSRESOL, _NANOSECONDS))
    if interface.filter:
        options.append(_option(IF_FILTER, _LIBPCAP_FILTER + interface.filter.encode()))
    head = struct.pack("=HHI", interface.linktype, 0, interface.snaplen)
    return _block(INTERFACE_DESCRIPTION, head + b"".join(options))


def statistics_block(interface: int, ts_ns: int, dropped: int) -> bytes:
    """What the operating system lost of an interface's packets."""
    head = struct.pack("=III", interface, ts_ns >> 32, ts_ns & 0xFFFFFFFF)
    return _block(INTERFACE_STATISTICS, head + _option(ISB_OSDROP, struct.pack("=Q", dropped)))


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("=HH", code, len(value)) + value + bytes(-len(value) % 4)


def _block(kind: int, body: bytes) -> bytes:
    """Options end with the block, as the draft allows."""
    length = struct.pack("=I", len(body) + 12)
    return struct.pack("=I", kind) + length + body + length
