"""Work done by forked processes, each leaving its result in memory shared with this one.

Plain fork and an anonymous file: importing `multiprocessing` costs as much as reading ten
megabytes, and a pipe would copy tens of them twice more. Linux only; elsewhere the work is done by
this process.
"""

from __future__ import annotations

import ctypes  # loaded by numpy in any case
import mmap
import os
import pickle  # noqa: TID251 - between this process and its own children only
import signal
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import zip_longest
from typing import NoReturn, TypeVar, cast

CAN_FORK = sys.platform == "linux"
"""Elsewhere there are no anonymous files, and a fork may not be safe."""

_PR_SET_PDEATHSIG = 1
"""linux/prctl.h"""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Fork:
    """A child of this process that does one piece of work and ends."""

    def __init__(self, work: Callable[[], object], niceness: int = 0) -> None:
        """`niceness`: how far it stands back where processors are short (nice(2))."""
        self._result = os.memfd_create("sniffdiag")
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            os.nice(niceness)
            _work(work, self._result, parent)

    def result(self) -> object:
        """What the work returned; None if the child died or failed."""
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        size = os.fstat(self._result).st_size
        return _loaded(mmap.mmap(self._result, size)) if size and status == 0 else None

    def ended(self) -> bool:
        """Whether `result` would not have to wait."""
        info = os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return info is not None

    def stop(self) -> None:
        """It is not needed any more."""
        os.close(self._result)
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)


def _end_with(parent: int) -> None:
    """In the child: be killed when the parent ends; nobody is left to take the result then."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # too late for the signal
        os._exit(1)


def _work(work: Callable[[], object], result: int, parent: int) -> NoReturn:
    """In the child: leave what the work returns, and end."""
    status = 1
    try:
        _end_with(parent)
        _leave(work(), result)
        status = 0
    finally:
        os._exit(status)  # whatever happened: nothing of the parent may run twice


def begun(work: Callable[[], object], niceness: int) -> Fork | None:
    """A child at work; None where there can be none: no fork, no more processes, no memory."""
    try:
        return Fork(work, niceness) if CAN_FORK else None
    except OSError:
        return None


def spread(
    function: Callable[[Item], Result], items: Sequence[Item], processes: int
) -> list[Result]:
    """`list(map(function, items))`, the items dealt out to so many processes.

    What a child fails to do is done here. `function` must not change anything that is needed later.
    """
    count = max(min(processes if CAN_FORK else 1, len(items)), 1)
    shares = [items[first::count] for first in range(count)]
    children = [Fork(partial(_each, function, mine)) for mine in shares[1:]]
    try:
        found = [_each(function, shares[0])]
        for child, mine in zip(children, shares[1:], strict=True):
            theirs = child.result()
            found.append(theirs if isinstance(theirs, list) else _each(function, mine))
        return list(in_turn(found))
    finally:
        for child in children:
            child.stop()


def in_turn(shares: Iterable[Iterable[Item]]) -> Iterator[Item]:
    """The shares `items[0::n]`, `items[1::n]` ... put together again."""
    for turn in zip_longest(*shares, fillvalue=_NO_MORE):
        for item in turn:
            if item is not _NO_MORE:
                yield cast("Item", item)


_NO_MORE = object()


def _each(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return list(map(function, items))


_LENGTH = struct.Struct("=Q")
_ALIGNMENT = 64
"""Arrays begin at multiples of a cache line."""


def _leave(found: object, result: int) -> None:
    """Write a pickle and, apart from it so that nobody need copy them, the columns it refers to.

    Layout: number of columns, length of the pickle, length of each column, padding; then the
    columns, each padded; then the pickle.
    """
    columns: list[pickle.PickleBuffer] = []
    body = pickle.dumps(found, protocol=5, buffer_callback=columns.append)
    raw = [column.raw() for column in columns]
    lengths = [len(raw), len(body), *(len(each) for each in raw)]
    head = b"".join(_LENGTH.pack(length) for length in lengths)
    with open(result, "wb", closefd=False) as file:
        for piece in (memoryview(head), *raw, memoryview(body)):
            file.write(piece)
            file.write(bytes(-len(piece) % _ALIGNMENT))


def _loaded(shared: mmap.mmap) -> object:
    """What `_leave` left; its columns stay where they are."""
    view = memoryview(shared)
    count, body_len = (_LENGTH.unpack_from(view, at)[0] for at in (0, _LENGTH.size))
    head_len = (2 + count) * _LENGTH.size
    lengths = [
        _LENGTH.unpack_from(view, at)[0] for at in range(2 * _LENGTH.size, head_len, _LENGTH.size)
    ]
    at = head_len + -head_len % _ALIGNMENT
    columns = []
    for length in lengths:
        columns.append(view[at : at + length])
        at += length + -length % _ALIGNMENT
    return pickle.loads(view[at : at + body_len], buffers=columns)  # noqa: S301 - our own child's
