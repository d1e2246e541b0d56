"""How the blocks of one pcapng section follow each other (draft-ietf-opsawg-pcapng, section 3.1).

It reads types and lengths only; what blocks mean is the business of `pcapng`.
"""

from __future__ import annotations

import struct
from typing import Literal

import numpy as np
import numpy.typing as npt

from sniffdiag.sources.lanes import BROKEN, Mask, Positions, Seen
from sniffdiag.sources.window import Window

ByteOrder = Literal["<", ">"]

SECTION_HEADER = 0x0A0D0D0A
"""The same in both byte orders, so that it can be told before the byte order is known."""
BYTE_ORDER_MAGIC = 0x1A2B3C4D
INTERFACE_DESCRIPTION = 0x00000001
PACKET = 0x00000002
SIMPLE_PACKET = 0x00000003
INTERFACE_STATISTICS = 0x00000005
ENHANCED_PACKET = 0x00000006
LAST_NUMBERED_TYPE = 0x0000_000B
"""Types up to here are what one meets; they are believed after damage, vendors' types are not."""

SECTION_HEAD_BYTES = 12
"""Type, length and byte order magic."""
FEWEST_BLOCK_BYTES = 12
"""Type, length and length again."""
MAX_BLOCK_BYTES = 16 * 1024 * 1024
"""As wiretap/pcapng.c: no sane block is longer."""


def section_byte_order(head: bytes) -> ByteOrder | None:
    """The byte order of the section that begins with these bytes, None if none begins."""
    if head[:4] != SECTION_HEADER.to_bytes(4, "big"):
        return None
    if head[8:12] == BYTE_ORDER_MAGIC.to_bytes(4, "little"):
        return "<"
    if head[8:12] == BYTE_ORDER_MAGIC.to_bytes(4, "big"):
        return ">"
    return None


class PcapngBlocks:
    """The blocks of a section in one buffer (see `lanes.Records`, `resync.ResumableRecords`)."""

    header_bytes = SECTION_HEAD_BYTES

    def __init__(self, window: Window, byte_order: ByteOrder) -> None:
        self.data = window.data
        self.buffer = window.buffer
        self.byte_order = byte_order
        self._end = window.end
        self._last = self.data.shape[0] - SECTION_HEAD_BYTES
        self._types, self._lengths = self._field(0), self._field(4)
        self._length_struct = struct.Struct(byte_order + "I")
        self._enhanced = ENHANCED_PACKET.to_bytes(4, "little" if byte_order == "<" else "big")

    def _field(self, offset: int) -> npt.NDArray[np.uint32]:
        """A header field as if a block began at every byte of the buffer."""
        return np.ndarray(
            shape=(self._last + 1,),
            dtype=self.byte_order + "u4",
            buffer=self.buffer,
            offset=offset,
            strides=(1,),
        )

    def types(self, starts: Positions) -> npt.NDArray[np.uint32]:
        """Block types."""
        return self._types[starts]

    def block(self, start: int) -> bytes:
        """All bytes of a complete block."""
        return bytes(self.buffer[start : self.next_start(start)])

    def words(self, starts: Positions, count: int) -> npt.NDArray[np.int64]:
        """The first `count` bytes of blocks as 32-bit numbers, one column a block.

        What a block is too short for is read from beyond it: the buffer's slack allows for that.
        """
        shape = (self.data.shape[0] - count + 1,)
        rows = np.ndarray(shape, dtype=f"V{count}", buffer=self.buffer, strides=(1,))[starts]
        numbers: npt.NDArray[np.uint32] = rows.view(self.byte_order + "u4")
        return numbers.reshape(starts.shape[0], count // 4).T.astype(np.int64, order="C")

    def next_start(self, start: int) -> int:
        """See `lanes.Records`."""
        (length,) = self._length_struct.unpack_from(self.buffer, start + 4)
        sane = FEWEST_BLOCK_BYTES <= length <= MAX_BLOCK_BYTES and not length & 3
        return int(start + length) if sane else BROKEN

    def next_starts(self, starts: Positions) -> tuple[Positions, Seen]:
        """See `lanes.Records`."""
        lengths = self._lengths[np.minimum(starts, self._last)]
        following: Positions = starts + lengths
        insane = ~_sane_lengths(lengths)
        if insane.any():
            following[insane] = BROKEN
        return following, lengths

    def sane(self, starts: Positions) -> Mask:
        """Blocks whose length is repeated at their end; a new section ends this one."""
        same_section: Mask = self._types[starts] != SECTION_HEADER
        return self._length_repeated(starts) & same_section

    def _length_repeated(self, starts: Positions) -> Mask:
        lengths = self._lengths[starts]
        # The length of a block at p is at p + 4, its repetition at p + length - 4.
        repeated: Mask = self._lengths[starts + lengths - 8] == lengths
        return repeated

    def likely_starts(self, _begin: int, targets: range) -> list[int]:
        """Where an Enhanced Packet Block seems to begin."""
        likely = (self._likely_start(target, target + targets.step) for target in targets)
        return [start for start in likely if start is not None]

    def _likely_start(self, target: int, until: int) -> int | None:
        find, pattern = self.buffer.find, self._enhanced
        until = min(until, self._end - SECTION_HEAD_BYTES) + len(pattern) - 1
        found = find(pattern, target, until)
        while found >= 0:
            after = self.next_start(found)
            if after <= self._end and self._ends_with_length(found, after):
                return found
            found = find(pattern, found + 1, until)
        return None

    def _ends_with_length(self, start: int, after: int) -> bool:
        return self.buffer[start + 4 : start + 8] == self.buffer[after - 4 : after]

    def believable_starts(self, begin: int, end: int) -> Positions:
        """See `resync.ResumableRecords`."""
        known = begin + np.flatnonzero(_known(self._types[begin:end]))
        return known[self._sane_lengths_at(known)]

    def _sane_lengths_at(self, starts: Positions) -> Mask:
        """A section header may count in the other byte order."""
        return _sane_lengths(self._lengths[starts]) | self.section_starts(starts)

    def believable_after(self, starts: Positions, following: Positions) -> Mask:
        """See `resync.ResumableRecords`."""
        known = _known(self._types[following])
        return self._length_repeated(starts) & known & self._sane_lengths_at(following)

    def section_starts(self, starts: Positions) -> Mask:
        """Where a section header in either byte order begins."""
        mask: Mask = self._types[starts] == SECTION_HEADER
        for row in np.flatnonzero(mask).tolist():
            start = int(starts[row])
            head = bytes(self.buffer[start : start + SECTION_HEAD_BYTES])
            mask[row] = section_byte_order(head) is not None
        return mask


def _sane_lengths(lengths: npt.NDArray[np.uint32]) -> Mask:
    sane: Mask = (lengths >= FEWEST_BLOCK_BYTES) & (lengths <= MAX_BLOCK_BYTES) & (lengths & 3 == 0)
    return sane


def _known(types: npt.NDArray[np.uint32]) -> Mask:
    known: Mask = ((types > 0) & (types <= LAST_NUMBERED_TYPE)) | (types == SECTION_HEADER)
    return known
