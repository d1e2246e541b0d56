"""Byte ranges of one large pcap file that can be read apart, by several processes.

Where a record begins in the middle of a file can only be guessed, as the lane walk guesses within a
block, and is verified likewise: the part before must end, undamaged, exactly where the next begins.
`PartSource.ends_whole` says so; if it does not, the file is to be read from front to back.
Compressed files, pcapng (its interfaces are described before they are used) and pipes have no
parts.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from sniffdiag.records import dataclass
from sniffdiag.sources import pcap
from sniffdiag.sources.formats import read_capture
from sniffdiag.sources.frames import FrameChunk, SourceSummary
from sniffdiag.sources.numbering import Numbering
from sniffdiag.sources.resync import find_resumption
from sniffdiag.sources.streams import FileStream
from sniffdiag.sources.window import Window

SMALLEST_PART_BYTES = 32 * 1024 * 1024
"""Below that, starting a process and merging costs more than reading."""
SEARCHED_BYTES = 1024 * 1024
"""How far a border may lie behind where it was wanted."""


@dataclass(frozen=True, slots=True)
class Part:
    """Records in [begin, end) of the pcap file `name`."""

    name: str
    begin: int
    end: int


def parts_of(names: Sequence[str], count: int) -> tuple[Part, ...]:
    """At most `count` parts of the one file named; none if it is not worth it or not possible."""
    if count < 2 or len(names) != 1:  # noqa: PLR2004 - a whole is not a part
        return ()
    try:
        return _parts(Path(names[0]), count)
    except (OSError, ValueError):
        return ()  # whoever reads the file will say what is wrong with it


def _parts(path: Path, count: int) -> tuple[Part, ...]:
    status = path.stat()
    wanted = min(count, status.st_size // SMALLEST_PART_BYTES)
    if not stat.S_ISREG(status.st_mode) or wanted < 2:  # noqa: PLR2004 - as above
        return ()
    with path.open("rb", buffering=0) as file:
        header = file.read(pcap.FILE_HEADER_BYTES)
        if not pcap.byte_order_of(header):
            return ()
        targets = [status.st_size * number // wanted for number in range(1, wanted)]
        found = (_record_start(file.fileno(), header, target) for target in targets)
        borders = [border for border in found if border is not None]
    ends = [*borders, status.st_size]
    begins = [pcap.FILE_HEADER_BYTES, *borders]
    parts = [Part(str(path), begin, end) for begin, end in zip(begins, ends, strict=True)]
    return tuple(part for part in parts if part.begin < part.end)


def _record_start(descriptor: int, header: bytes, target: int) -> int | None:
    """The first place from `target` on where a chain of believable records begins."""
    found = os.pread(descriptor, SEARCHED_BYTES, target)
    window = Window(_Bytes(found), block_bytes=SEARCHED_BYTES)
    window.require(len(found))
    records = pcap.PcapRecords(window, pcap.layout_of(header))
    resumption = find_resumption(records, 0, len(found), at_end_of_stream=False)
    return target + resumption.at if resumption.decided else None


class _Bytes:
    """Bytes as a stream (a `ByteStream`)."""

    def __init__(self, data: bytes) -> None:
        self._rest = memoryview(data)

    def readinto(self, buffer: memoryview, /) -> int:
        count = min(len(self._rest), len(buffer))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class _PartStream(FileStream):
    """The file's header, then the records of the part, as if they were the whole file."""

    def __init__(self, part: Part) -> None:
        super().__init__(Path(part.name).open("rb", buffering=0))  # noqa: SIM115 - closed below
        self._header_left = pcap.FILE_HEADER_BYTES
        self._begin = part.begin
        self._left = part.end - part.begin

    def readinto(self, buffer: memoryview, /) -> int:
        if self._header_left:
            count = super().readinto(buffer[: self._header_left])
            self._header_left -= count
            if not self._header_left:
                self._file.seek(self._begin)
            return count
        count = super().readinto(buffer[: self._left])
        self._left -= count
        return count

    def close(self) -> None:
        self._file.close()


class PartSource:
    """One part as a `Source`, its frames numbered from 1. Can be iterated once."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._stream = _PartStream(part)
        self.summaries = [SourceSummary(part.name)]

    @property
    def bytes_total(self) -> int:
        """See `Source`."""
        return self._part.end - self._part.begin

    @property
    def bytes_read(self) -> int:
        """See `Source`."""
        return self._stream.bytes_read

    @property
    def ends_whole(self) -> bool:
        """After reading: undamaged from its first byte to its last."""
        (summary,) = self.summaries
        return not (summary.cut_short or summary.corrupt_records or summary.notes)

    def __iter__(self) -> Iterator[FrameChunk]:
        try:
            yield from read_capture(Window(self._stream), self.summaries[0], Numbering())
        finally:
            self._stream.close()
