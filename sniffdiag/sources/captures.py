"""`open_sources`: the files, directories and pipes a user names, read as one capture.

Files are ordered by the timestamp of their first frame, so that the files of a rotated ring are one
capture whatever their names are; files that were written at the same time are read side by side
(`side_by_side`). Frames are numbered through all of them.
"""

from __future__ import annotations

import math
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from sniffdiag.errors import SourceError
from sniffdiag.folders import files_below, is_folder
from sniffdiag.records import dataclass
from sniffdiag.sources.formats import CAPTURE_HINT, STANDARD_INPUT, read_capture
from sniffdiag.sources.frames import FrameChunk, SourceSummary
from sniffdiag.sources.numbering import Numbering
from sniffdiag.sources.side_by_side import Later, side_by_side
from sniffdiag.sources.streams import FileStream, stream_of
from sniffdiag.sources.window import BLOCK_BYTES, Window

MISFITS_NAMED = 3
"""How many of a directory's other files are named in its note."""
MANY_FILES = 256
SMALLEST_BLOCK_BYTES = 1024 * 1024
"""Many files read side by side share the memory that one would take, down to this."""


@dataclass(frozen=True, slots=True)
class _Input:
    """One file or pipe; `size` and `first_ts_ns` are known for regular files only."""

    name: str
    path: Path | None
    """None is standard input."""
    size: int | None = None
    first_ts_ns: float = math.inf


@dataclass(slots=True)
class _Found:
    """What the names on the command line turned out to be."""

    inputs: list[_Input] = field(default_factory=list)
    unreadable: list[SourceSummary] = field(default_factory=list)
    errors: list[SourceError] = field(default_factory=list)


class CaptureSource:
    """Captures read as one (a `Source`). Can be iterated once."""

    def __init__(
        self, found: _Found, stdin: BinaryIO | None, block_bytes: int = BLOCK_BYTES
    ) -> None:
        self._inputs = sorted(
            found.inputs, key=lambda one: (one.first_ts_ns, one.path is None, one.name)
        )
        self._several = len(found.inputs) + len(found.errors) > 1
        self._stdin = stdin
        self._block_bytes = block_bytes
        self._streams: set[FileStream] = set()
        self._bytes_read_before = 0
        self.summaries = found.unreadable

    @property
    def bytes_total(self) -> int | None:
        """Size of all files as they lie on disk, None if one of the inputs is a pipe."""
        sizes = [one.size for one in self._inputs if one.size is not None]
        return sum(sizes) if len(sizes) == len(self._inputs) else None

    @property
    def bytes_read(self) -> int:
        """How far reading is, in the same bytes."""
        return self._bytes_read_before + sum(stream.bytes_read for stream in self._streams)

    def __iter__(self) -> Iterator[FrameChunk]:
        return side_by_side([self._later(one) for one in self._inputs])

    def _later(self, one: _Input) -> Later:
        summary = SourceSummary(one.name)
        return Later(one.first_ts_ns, summary, partial(self._frames, one, summary))

    def _frames(
        self, one: _Input, summary: SourceSummary, numbering: Numbering, others: int
    ) -> Iterator[FrameChunk]:
        """The frames of one input while `others` are being read."""
        self.summaries.append(summary)
        smaller = max(self._block_bytes // (others + 1), SMALLEST_BLOCK_BYTES)
        try:
            yield from self._read(one, summary, numbering, min(self._block_bytes, smaller))
        except SourceError as error:
            if not self._several:
                raise
            summary.notes.append(f"not read: {error}")

    def _read(
        self, one: _Input, summary: SourceSummary, numbering: Numbering, block_bytes: int
    ) -> Iterator[FrameChunk]:
        file = _open(one, self._stdin)
        stream = stream_of(file)
        self._streams.add(stream)
        try:
            yield from read_capture(Window(stream, block_bytes), summary, numbering)
        except OSError as error:
            summary.cut_short = True
            summary.notes.append(f"reading stopped: {error.strerror or error}")
        finally:
            self._streams.remove(stream)
            self._bytes_read_before += stream.bytes_read
            if one.path is not None:
                file.close()


def open_sources(
    names: Sequence[str], *, stdin: BinaryIO | None, block_bytes: int = BLOCK_BYTES
) -> CaptureSource:
    """Everything the names stand for; `SourceError` if nothing of it can be read."""
    found = _Found()
    for name in names:
        _find(name, found)
    found.inputs, again = _each_once(found.inputs)
    found.unreadable += [SourceSummary(name, notes=["named twice, read once"]) for name in again]
    if not found.inputs:
        raise found.errors[0] if found.errors else _nothing_named()
    _allow_open_files(len(found.inputs))
    return CaptureSource(found, stdin, block_bytes)


def _allow_open_files(count: int) -> None:
    """So many may have to be read side by side; of the usual 1,024 every process may make more."""
    if count < MANY_FILES or sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not everywhere, and few captures are so many files

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    wanted = count + MANY_FILES if hard == unlimited else min(count + MANY_FILES, hard)
    if soft not in {unlimited, hard} and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _each_once(inputs: Sequence[_Input]) -> tuple[list[_Input], list[str]]:
    """Inputs without repetitions, and the names that repeat: frames must not count twice."""
    once: dict[Path | None, _Input] = {}
    again = []
    for one in inputs:
        key = one.path and one.path.resolve()
        if key in once:
            again.append(one.name)
        once.setdefault(key, one)
    return list(once.values()), again


def _nothing_named() -> SourceError:
    return SourceError("no capture given", hint=CAPTURE_HINT)


def _find(name: str, found: _Found) -> None:
    """Add what one name stands for."""
    try:
        if name == STANDARD_INPUT:
            found.inputs.append(_Input(name, path=None))
        elif name and is_folder(name):
            _find_in_directory(name, found)
        else:
            found.inputs.append(_probe(name))
    except SourceError as error:
        found.errors.append(error)
        found.unreadable.append(SourceSummary(name, notes=[f"not read: {error}"]))


def _find_in_directory(name: str, found: _Found) -> None:
    """Every capture below the directory; what is none is counted and partly named."""
    paths, refused = files_below(name)
    misfits = [_os_error(error.filename, error) for error in refused]
    inputs: list[_Input] = []
    for path in paths:
        try:
            inputs.append(_probe(str(path)))
        except SourceError as error:
            misfits.append(error)
    if not inputs:
        why = f" ({_misfits_note(misfits)})" if misfits else ""
        raise SourceError(f"{name} is a directory without captures{why}", hint=CAPTURE_HINT)
    found.inputs += inputs
    if misfits:
        found.unreadable.append(SourceSummary(name, notes=[_misfits_note(misfits)]))


def _misfits_note(misfits: Sequence[SourceError]) -> str:
    named = "; ".join(str(error) for error in misfits[:MISFITS_NAMED])
    more = f"; and {len(misfits) - MISFITS_NAMED} more" if len(misfits) > MISFITS_NAMED else ""
    return f"files that were not read: {len(misfits)} ({named}{more})"


def _probe(name: str) -> _Input:
    """Look at the first frames of a regular file; a pipe can only be read once, so not at it."""
    if not name:
        raise SourceError("a capture has an empty name", hint="is a shell variable unset?")
    path = Path(name)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return _Input(name, path)
        with path.open("rb", buffering=0) as file:
            window = Window(FileStream(file))
            chunk = next(read_capture(window, SourceSummary(name), Numbering()), None)
            first_ts_ns = int(chunk.ts_ns[0]) if chunk else -math.inf
    except (OSError, ValueError) as error:
        raise _os_error(name, error) from error
    return _Input(name, path, status.st_size, first_ts_ns)


def _open(one: _Input, stdin: BinaryIO | None) -> BinaryIO:
    if one.path is None:
        if stdin is None:
            raise SourceError("standard input is closed", hint=CAPTURE_HINT)
        return stdin
    try:
        return one.path.open("rb", buffering=0)
    except OSError as error:
        raise _os_error(one.name, error) from error


OS_HINTS: dict[type[Exception], str] = {
    FileNotFoundError: "check the path; `-` reads standard input",
    PermissionError: "captures written by tcpdump as root belong to root: "
    "`sudo chown $USER FILE`, or `sudo cat FILE | sniffdiag ... -`",
}


def _os_error(name: str, error: Exception) -> SourceError:
    reason = getattr(error, "strerror", None) or str(error)
    return SourceError(f"cannot read {name}: {reason}", hint=OS_HINTS.get(type(error), ""))
