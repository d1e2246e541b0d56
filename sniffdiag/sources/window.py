"""`Window`: the one reusable buffer through which a stream of bytes is seen.

Blocks are read into it; what the reader has not used is carried over to the front, so a file, a
pipe and a decompressor look alike. It does not know what the bytes mean.
"""

from __future__ import annotations

import mmap
from contextlib import suppress
from typing import Protocol

import numpy as np
import numpy.typing as npt

BLOCK_BYTES = 16 * 1024 * 1024
FIRST_BLOCK_BYTES = 64 * 1024
"""Enough to recognise a file and to see its first frames; small captures need no more."""
HUGE_PAGE_BYTES = 2 * 1024 * 1024
SLACK_BYTES = 64
"""`FrameChunk` promises this many readable bytes after the last frame."""


class ByteStream(Protocol):
    """Anything that fills a buffer, as `io.RawIOBase` does: what there is, 0 at the end."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Number of bytes written to the front of `buffer`; waits until there is at least one."""


def _buffer(size: int) -> bytearray | mmap.mmap:
    """Memory in huge pages where there are any and they pay.

    Columns are gathered from all over a block, and looking up 4,096 ordinary pages a block takes
    more time than the bytes do.
    """
    if size < HUGE_PAGE_BYTES or not hasattr(mmap, "MADV_HUGEPAGE"):
        return bytearray(size)
    buffer = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a kernel built without them
        buffer.madvise(mmap.MADV_HUGEPAGE)
    return buffer


class Window:
    """The bytes `begin` to `end` of `data` are there and not yet used."""

    def __init__(self, stream: ByteStream, block_bytes: int = BLOCK_BYTES) -> None:
        self._stream = stream
        self.block_bytes = max(block_bytes, SLACK_BYTES)
        self._allocate(min(self.block_bytes, FIRST_BLOCK_BYTES))
        self.begin = 0
        self.end = 0
        self.at_end_of_stream = False

    def _allocate(self, capacity: int) -> None:
        self.capacity = capacity
        self.buffer = _buffer(capacity + SLACK_BYTES)
        self.data: npt.NDArray[np.uint8] = np.frombuffer(self.buffer, dtype=np.uint8)

    @property
    def available(self) -> int:
        """Unused bytes."""
        return self.end - self.begin

    def refill(self) -> bool:
        """Keep the unused bytes, read more behind them; False at the end of the stream."""
        if self.at_end_of_stream:
            return False
        self._carry_over()
        with memoryview(self.buffer) as whole, whole[self.end : self.capacity] as room:
            count = self._stream.readinto(room)
        self.end += count
        self.at_end_of_stream = count == 0
        return count > 0

    def _carry_over(self) -> None:
        """Move the unused bytes to the front, of a larger buffer if they fill half of this one."""
        unused = self.data[self.begin : self.end]
        if self.capacity < self.block_bytes and self.end == self.capacity:
            self._allocate(max(self.block_bytes, 2 * unused.size))
        elif 2 * unused.size > self.capacity:
            self._allocate(2 * self.capacity)
        self.data[: unused.size] = unused
        self.begin, self.end = 0, unused.size

    def require(self, count: int) -> bool:
        """Read until `count` unused bytes are there; False if the stream ends before."""
        while self.available < count:
            if not self.refill():
                return False
        return True

    def head(self, count: int) -> bytes:
        """Up to `count` of the next bytes, left unused."""
        return bytes(self.buffer[self.begin : min(self.begin + count, self.end)])

    def take(self, count: int) -> bytes:
        """Use up to `count` of the bytes that are there."""
        taken = self.head(count)
        self.begin += len(taken)
        return taken
