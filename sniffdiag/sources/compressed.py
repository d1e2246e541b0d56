"""gzip, zstd, lz4 frames and xz as byte streams; recognised by magic number, never by file name.

Output is bounded for every step, so a small file cannot ask for much memory. Data that ends early
or is damaged is used up to there and the summary says so. Third-party codecs are imported when
needed. Formats: RFC 1952, RFC 8878, lz4_Frame_format.md, xz-file-format.txt.
"""

from __future__ import annotations

import lzma
import re
import zlib
from collections.abc import Callable
from typing import Protocol, cast

from sniffdiag.records import dataclass
from sniffdiag.sources.frames import SourceSummary
from sniffdiag.sources.window import Window

INPUT_BLOCK_BYTES = 1024 * 1024
ZSTD_PIECE_BYTES = 8192
"""zstandard's object has no output limit: 4 bytes may expand to a block of 128 KiB (RFC 8878)."""
XZ_MEMORY_BYTES = 128 * 1024 * 1024
"""`xz -9` needs 65 MiB."""
GZIP_WINDOW_BITS = 31
"""zlib.decompressobj: a window of 32 KiB with a gzip header."""


class Decompressor(Protocol):
    """The shape of `lzma.LZMADecompressor`: one member or frame."""

    @property
    def eof(self) -> bool:
        """The member is complete."""

    @property
    def needs_input(self) -> bool:
        """Nothing more comes out before more goes in."""

    @property
    def unused_data(self) -> bytes | None:
        """What followed the member in the last input; lz4 says None for nothing."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Feed input, get output."""


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(GZIP_WINDOW_BITS)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self.needs_input = not self._inner.unconsumed_tail and len(out) < max_length
        return out


class _Zstd:
    def __init__(self) -> None:
        import zstandard  # noqa: PLC0415 - imported when used

        self._inner = zstandard.ZstdDecompressor().decompressobj()
        self._ready = b""
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inner.eof and not self._ready

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if data:
            self._ready += self._inner.decompress(data)
        out, self._ready = self._ready[:max_length], self._ready[max_length:]
        self.needs_input = not self._ready
        return out


def _lz4() -> Decompressor:
    import lz4.frame  # noqa: PLC0415 - imported when used

    return cast("Decompressor", lz4.frame.LZ4FrameDecompressor())


def _xz() -> Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY_BYTES)


@dataclass(frozen=True, slots=True)
class Codec:
    """One compression format."""

    name: str
    magic: bytes
    new: Callable[[], Decompressor]
    input_bytes: int = INPUT_BLOCK_BYTES


CODECS = (
    Codec("gzip", b"\x1f\x8b\x08", _Gzip),
    Codec("zstd", b"\x28\xb5\x2f\xfd", _Zstd, ZSTD_PIECE_BYTES),
    Codec("lz4", b"\x04\x22\x4d\x18", _lz4),
    Codec("xz", b"\xfd7zXZ\x00", _xz),
)
SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18.{4}", re.DOTALL)
SKIPPABLE_HEAD_BYTES = 8
LONGEST_SKIPPABLE_BYTES = 1024 * 1024
"""What carries more is no remark of a compressor's."""
LONGEST_MAGIC = max(len(codec.magic) for codec in CODECS)


def codec_of(head: bytes) -> Codec | None:
    """The codec of data that begins with these bytes."""
    return next((codec for codec in CODECS if head.startswith(codec.magic)), None)


def pass_over(window: Window) -> None:
    """Move to what is compressed: over padding (xz 2.2, tapes) and skippable frames.

    Those of zstd and lz4 look alike (RFC 8878 3.1.2); pzstd writes one before each frame.
    """
    while window.require(1):
        ahead = window.head(INPUT_BLOCK_BYTES)
        zeros = len(ahead) - len(ahead.lstrip(b"\x00"))
        window.begin += zeros
        if zeros < len(ahead) and not _pass_over_frame(window):
            return


def _pass_over_frame(window: Window) -> bool:
    window.require(SKIPPABLE_HEAD_BYTES)
    head = window.head(SKIPPABLE_HEAD_BYTES)
    if not SKIPPABLE.match(head):
        return False
    length = SKIPPABLE_HEAD_BYTES + int.from_bytes(head[4:], "little")
    if length > LONGEST_SKIPPABLE_BYTES or not window.require(length):
        return False
    window.begin += length
    return True


class Decompressed:
    """What is inside a compressed stream (a `ByteStream`), member after member."""

    def __init__(self, compressed: Window, codec: Codec, summary: SourceSummary) -> None:
        self._compressed = compressed
        self._codec = codec
        self._summary = summary
        self._decompressor = codec.new()
        self._ended = False
        compressed.block_bytes = INPUT_BLOCK_BYTES

    def readinto(self, buffer: memoryview, /) -> int:
        """See `ByteStream`: what the compressed bytes that are there yield, but at least a byte."""
        filled = 0
        while not self._ended and filled < len(buffer):
            if filled and self._must_wait():
                break
            out = self._step(len(buffer) - filled)
            buffer[filled : filled + len(out)] = out
            filled += len(out)
        return filled

    def _must_wait(self) -> bool:
        """Whether the next byte depends on compressed bytes that have not been read yet."""
        starved = self._decompressor.eof or self._decompressor.needs_input
        return starved and not self._compressed.available

    def _step(self, max_length: int) -> bytes:
        if self._decompressor.eof:
            self._next_member()
            return b""
        data = b""
        if self._decompressor.needs_input:
            self._compressed.require(1)
            data = self._compressed.take(self._codec.input_bytes)
            if not data:
                self._give_up(f"the {self._codec.name} data ends early")
                return b""
        try:
            return self._decompressor.decompress(data, max_length)
        # Each codec has its own exceptions (zlib.error, LZMAError, ZstdError, lz4's RuntimeError,
        # MemoryError for a window beyond the limit); to the reader they all mean the same.
        except Exception as error:  # noqa: BLE001
            self._give_up(f"the {self._codec.name} data is damaged ({error})")
            return b""

    def _next_member(self) -> None:
        """Go on with the member that follows, if one does."""
        self._compressed.begin -= len(self._decompressor.unused_data or b"")
        pass_over(self._compressed)
        self._compressed.require(LONGEST_MAGIC)
        head = self._compressed.head(LONGEST_MAGIC)
        if head.startswith(self._codec.magic):
            self._decompressor = self._codec.new()
            return
        self._ended = True
        if head:
            self._summary.notes.append(f"what follows the {self._codec.name} data is not read")

    def _give_up(self, why: str) -> None:
        self._ended = True
        self._summary.cut_short = True
        self._summary.notes.append(f"{why}; what came before is analysed")
