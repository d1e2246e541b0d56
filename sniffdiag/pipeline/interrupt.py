"""Ctrl-C between two chunks, never within one: a half-folded chunk could not be reported.

While a source waits for bytes (a slow pipe) the interrupt breaks the wait; while a chunk is folded
it is remembered. Outside the main thread Python delivers no signals, and nothing changes.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from types import FrameType, TracebackType
from typing import Self

from sniffdiag.records import dataclass


@dataclass(slots=True)
class Interrupt:
    """A context manager within which Ctrl-C is a question: `asked`."""

    asked: bool = False
    _waiting: bool = False
    _before: object = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)  # type: ignore[arg-type]  # what it gave

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Within this block Ctrl-C raises KeyboardInterrupt, as it does by default."""
        self._waiting = True
        try:
            yield
        finally:
            self._waiting = False

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        self.asked = True
        if self._waiting:
            raise KeyboardInterrupt


@dataclass(slots=True)
class Stop:
    """A context manager within which Ctrl-C and SIGTERM end a capture between two chunks.

    For sources that ask again and again whether to go on: nothing is interrupted, and a second
    signal after the capture is what it always is.
    """

    asked: bool = False
    _before: dict[signal.Signals, object] = field(default_factory=dict)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for each in (signal.SIGINT, signal.SIGTERM):
                self._before[each] = signal.signal(each, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each, before in self._before.items():
            signal.signal(each, before)  # type: ignore[arg-type]  # what it gave

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        self.asked = True
