"""`PipedCapture`: a capture that comes through a pipe, as from `ssh node tcpdump -U -w -`.

It is read as `-` always is; only that a pipe in which nothing comes is asked about now and then, so
that limits of time hold and reports go on.
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from sniffdiag.errors import SourceError
from sniffdiag.sources.captures import open_sources
from sniffdiag.sources.formats import STANDARD_INPUT
from sniffdiag.sources.frames import FrameChunk, SourceSummary
from sniffdiag.sources.pcapng_writer import WrittenInterface

WAIT_S = 0.1
_UNKNOWN_LINKTYPE = 1


class PipedCapture:
    """Standard input (or a FIFO) as a live source. `chunks` can be iterated once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.interfaces: list[WrittenInterface] = []
        self.summaries: list[SourceSummary] = []

    def reads(self, name: str) -> bool:
        """Whether the file of this name is what is read."""
        try:
            ours, other = os.fstat(self._file.fileno()), Path(name).stat()
        except (OSError, ValueError):
            return False
        return stat.S_ISREG(ours.st_mode) and os.path.samestat(ours, other)

    @property
    def drops(self) -> dict[int, int]:
        """What the other side says it lost; it is not known of which interface."""
        return {0: sum(summary.dropped for summary in self.summaries)}

    def chunks(self, beat: Callable[[], bool]) -> Iterator[FrameChunk]:
        """All frames until the pipe ends or `beat` says stop."""
        patient = _Patient(self._file, beat)
        try:
            source = open_sources([STANDARD_INPUT], stdin=cast("BinaryIO", patient))
            self.summaries = source.summaries
            for chunk in source:
                self._learn_interfaces(chunk)
                yield chunk
        except SourceError:
            if not patient.is_left_silent:
                raise
            self.summaries = [SourceSummary(STANDARD_INPUT)]

    def _learn_interfaces(self, chunk: FrameChunk) -> None:
        for index in range(len(self.interfaces), int(chunk.interface.max(initial=-1)) + 1):
            linktypes = chunk.linktype[chunk.interface == index]
            linktype = int(linktypes[0]) if linktypes.size else _UNKNOWN_LINKTYPE
            self.interfaces.append(WrittenInterface(linktype))


class _Patient:
    """A file that waits for bytes a moment at a time; it ends when it is told to."""

    def __init__(self, file: BinaryIO, beat: Callable[[], bool]) -> None:
        self._descriptor = file.fileno()
        self._beat = beat
        self._has_brought = False
        self.is_left_silent = False
        """It was told to end before anything came, which is no capture but no mistake either."""

    def fileno(self) -> int:
        return self._descriptor

    def readinto(self, buffer: memoryview, /) -> int:
        while self._beat():
            if select.select([self._descriptor], [], [], WAIT_S)[0]:
                self._has_brought = True
                return os.readv(self._descriptor, [buffer])
        self.is_left_silent = not self._has_brought
        return 0
