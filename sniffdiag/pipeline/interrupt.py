"""Signals that end a run between two chunks, never within one: half a chunk cannot be reported.

Outside the main thread Python delivers no signals, and nothing changes.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import ClassVar, Self


class Stop:
    """A context manager within which Ctrl-C and SIGTERM are a question: `asked`.

    For sources that ask again and again whether to go on: nothing is interrupted, and a second
    signal after the capture is what it always is.
    """

    _signals: ClassVar[tuple[signal.Signals, ...]] = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for each in self._signals:
                self._before[each] = signal.signal(each, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for each, before in self._before.items():
            signal.signal(each, before)  # type: ignore[arg-type]  # what it gave

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        self.asked = True


class Interrupt(Stop):
    """The same for Ctrl-C alone, where a source may wait long for bytes (a slow pipe).

    While a chunk is folded the signal is remembered; while the source waits it breaks the wait.
    """

    _signals = (signal.SIGINT,)

    def __init__(self) -> None:
        super().__init__()
        self._waiting = False

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Within this block Ctrl-C raises KeyboardInterrupt, also one that came just before it."""
        self._waiting = True
        try:
            if self.asked:
                raise KeyboardInterrupt
            yield
        finally:
            self._waiting = False

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        super()._note(_signal, _frame)
        if self._waiting:
            raise KeyboardInterrupt
