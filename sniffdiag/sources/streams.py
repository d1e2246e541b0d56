"""Files and pipes as byte streams that count what was read of them."""

from __future__ import annotations

import os
import select
import stat
import time
from typing import BinaryIO

PIPE_LINGER_SECONDS = 0.1
"""How long a pipe's bytes wait for more, so that a fast writer does not cause thousands of tiny
chunks and a slow one is still seen at once."""
WAITS_ON_PIPES = os.name != "nt"
"""Windows' select knows sockets only."""


class FileStream:
    """A file object read to its end (a `ByteStream`)."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.bytes_read = 0

    def readinto(self, buffer: memoryview, /) -> int:
        """See `ByteStream`."""
        count = self._file.readinto(buffer)  # type: ignore[attr-defined]  # BinaryIO lacks it
        self.bytes_read += count or 0
        return count or 0


class PipeStream(FileStream):
    """A pipe that may be slow: gives what is there, after waiting a moment for more."""

    def readinto(self, buffer: memoryview, /) -> int:
        """See `ByteStream`."""
        total = super().readinto(buffer)
        deadline = time.monotonic() + PIPE_LINGER_SECONDS
        while 0 < total < len(buffer) and self._is_readable_before(deadline):
            count = super().readinto(buffer[total:])
            if not count:
                break
            total += count
        return total

    def _is_readable_before(self, deadline: float) -> bool:
        remaining = max(0.0, deadline - time.monotonic())
        return bool(select.select([self._file], [], [], remaining)[0])


def stream_of(file: BinaryIO) -> FileStream:
    """A stream over an open file, unbuffered where that is possible."""
    raw: BinaryIO = getattr(file, "raw", file)
    try:
        mode = os.fstat(raw.fileno()).st_mode
    except OSError:  # io.BytesIO and the like have no descriptor
        return FileStream(raw)
    if WAITS_ON_PIPES and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return PipeStream(raw)
    return FileStream(raw)
