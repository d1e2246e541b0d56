"""`-w`: the file that is captured to, and its successors, rotated and named as tcpdump does.

-C begins a new file where the one before has grown beyond a size, -G where it has lasted for a
time; -W limits how many there are. Names get a number, and -G fills in strftime's letters. Unlike
tcpdump's, no file of -G overwrites the one before.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import numpy as np

from sniffdiag.errors import SourceError
from sniffdiag.records import dataclass
from sniffdiag.sources.frames import FrameChunk, rows_of
from sniffdiag.sources.pcapng_writer import (
    BLOCK_OVERHEAD,
    PcapngWriter,
    WrittenInterface,
    padded,
)

MEGABYTE = 1_000_000
"""tcpdump's unit of -C."""
_NS_PER_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a new file begins; 0 is never."""

    megabytes: int = 0
    seconds: int = 0
    files: int = 0
    """With `megabytes`: how many are kept, the oldest overwritten; with `seconds` alone: the last
    one ends the capture."""


def file_name(name: str, rotation: Rotation, number: int, at_s: float) -> str:
    """The name of the file with this number (from 0), begun at a time: tcpdump's MakeFilename."""
    if rotation.seconds:
        named = time.strftime(name, time.localtime(at_s))
        if named != name and not rotation.megabytes:
            return named
        name = named
    kept = rotation.files if rotation.megabytes and not rotation.seconds else 0
    if kept:
        return f"{name}{number % kept:0{len(str(kept - 1))}d}"
    return f"{name}{number}" if number else name


class CaptureFiles:
    """Frames go in, files come out."""

    def __init__(self, name: str, rotation: Rotation, interfaces: list[WrittenInterface]) -> None:
        """Opens the first file.

        Raises:
            SourceError: It cannot be written.
        """
        self.interfaces = interfaces
        """May grow: what chunks refer to must be there before they are written."""
        self.failure = ""
        """Why nothing is written any more."""
        self.unwritten = 0
        """Packets that came when nothing could be written any more."""
        self.full = False
        """-G and -W: the last file has had its time."""
        self._name = name
        self._rotation = rotation
        self._number = 0
        self._begun_ns: int | None = None
        self._current = ""
        self._told: dict[int, int] = {}
        self._open(time.time())

    def _open(self, at_s: float) -> None:
        name = file_name(self._name, self._rotation, self._number, at_s)
        if (
            self._rotation.seconds and name == self._current
        ):  # its letters do not tell so short a time
            name += str(self._number)
        self._current = name
        try:
            self._descriptor, self._made = _opened(name)
            self._writer = PcapngWriter(self._descriptor, self.interfaces)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise SourceError(f"cannot write {name}: {reason}") from error

    def give_to(self, uid: int, gid: int) -> None:
        """Let the first file belong to who will read it.

        What was there before (a device, somebody's file) stays whose it was.
        """
        if self._made:
            os.fchown(self._descriptor, uid, gid)

    def cannot_go_on(self) -> str:
        """Why the next file could not be made by whoever this process is now; or nothing."""
        folder = os.path.dirname(self._name) or "."  # noqa: PTH120 - the name may be no Path
        rotates = self._rotation.megabytes or self._rotation.seconds
        if not rotates or os.access(folder, os.W_OK | os.X_OK):
            return ""
        return f"no further files could be made in {folder} by uid {os.geteuid()}"

    def write(self, chunk: FrameChunk, drops: dict[int, int]) -> int:
        """Append a chunk; the rows that had their turn, fewer than all if this is `full` then.

        A failure ends writing, not the capture, and is told in `failure` and `unwritten`. `drops`:
        packets lost until now, by interface.
        """
        done = 0
        try:
            for part in self._parts(chunk, drops) if not self.failure else ():
                done += self._written(part)
        except (OSError, SourceError) as error:
            self.failure = str(getattr(error, "strerror", None) or error)
        if not self.failure:
            return done
        self.unwritten += chunk.rows - done
        return chunk.rows

    def _written(self, part: FrameChunk) -> int:
        """The rows of what goes into one file that it took."""
        before = self._writer.packets
        try:
            self._writer.write(part, self.interfaces)
        except OSError as error:
            self.failure = error.strerror or str(error)
        return self._writer.packets - before

    def _parts(self, chunk: FrameChunk, drops: dict[int, int]) -> Iterator[FrameChunk]:
        """The chunk, cut where a new file begins, which it then has."""
        begin = 0
        while begin < chunk.rows and not self.full and not self.failure:
            if self._begun_ns is None:
                self._begun_ns = int(chunk.ts_ns[begin])
            end = self._room(chunk, begin)
            if end > begin:
                yield rows_of(chunk, begin, end)
                begin = end
            if begin < chunk.rows and not self.failure:
                self._next_file(int(chunk.ts_ns[begin]), drops)

    def _room(self, chunk: FrameChunk, begin: int) -> int:
        """Up to which row the file that is open takes them."""
        ends = [chunk.rows]
        if self._rotation.megabytes:
            sizes = padded(chunk.caplen[begin:]) + BLOCK_OVERHEAD
            before = self._writer.size + np.cumsum(sizes) - sizes
            limit = self._rotation.megabytes * MEGABYTE
            ends.append(begin + int(np.count_nonzero(before <= limit)))
        if self._rotation.seconds and self._begun_ns is not None:
            limit_ns = self._begun_ns + self._rotation.seconds * _NS_PER_SECOND
            late = np.flatnonzero(chunk.ts_ns[begin:] >= limit_ns)
            ends += [begin + int(late[0])] if late.size else []
        return min(ends)

    def _next_file(self, ts_ns: int, drops: dict[int, int]) -> None:
        self._end_file(drops)
        self._number += 1
        rotation = self._rotation
        if rotation.seconds and rotation.files and self._number >= rotation.files:
            self.full = True
            return
        self._begun_ns = ts_ns
        self._open(ts_ns / _NS_PER_SECOND)

    def _end_file(self, drops: dict[int, int]) -> None:
        """Every file tells what was lost while it was written."""
        news = {at: count - self._told.get(at, 0) for at, count in drops.items()}
        self._told = dict(drops)
        try:
            self._writer.finish(news)
        finally:
            os.close(self._descriptor)

    def problem(self) -> str:
        """What was not written, and why, as a sentence; or nothing."""
        if not self.failure:
            return ""
        packets = "1 packet was" if self.unwritten == 1 else f"{self.unwritten:,} packets were"
        return f"writing {self._name} stopped: {self.failure}; {packets} not written"

    def close(self, drops: dict[int, int]) -> None:
        """Finish the file that is open."""
        if self.full:
            return
        try:
            self._end_file(drops)
        except OSError as error:
            self.failure = self.failure or str(error.strerror or error)


def _opened(name: str) -> tuple[int, bool]:
    """A descriptor, and whether the file was made just now."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    try:
        return os.open(name, flags | os.O_EXCL, 0o600), True
    except FileExistsError:
        return os.open(name, flags, 0o600), False
