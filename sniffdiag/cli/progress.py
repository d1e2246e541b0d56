"""A progress line on standard error while a long capture is read: rate, share and time to go.

Only on a terminal and only once the work has lasted; a short run stays silent.
"""

from __future__ import annotations

import sys
import time
from typing import Self

_SILENT_S = 0.8
_REDRAW_S = 0.1
_BAR_CELLS = 24
_CLEAR_LINE = "\r\x1b[K"


class ProgressLine:
    """A `Watcher` that draws; a context manager that wipes the line at the end."""

    def __init__(self) -> None:
        self._began_s = self._drawn_s = time.monotonic()
        self._is_terminal = sys.stderr.isatty()
        self._visible = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._visible:
            sys.stderr.write(_CLEAR_LINE)
            sys.stderr.flush()

    def __call__(self, *, frames: int, bytes_read: int, bytes_total: int | None) -> None:
        """Draws at most ten times a second."""
        now_s = time.monotonic()
        elapsed_s = now_s - self._began_s
        if not self._is_terminal or elapsed_s < _SILENT_S or now_s - self._drawn_s < _REDRAW_S:
            return
        self._drawn_s = now_s
        self._visible = True
        sys.stderr.write(_CLEAR_LINE + progress_text(frames, bytes_read, bytes_total, elapsed_s))
        sys.stderr.flush()


def progress_text(frames: int, bytes_read: int, bytes_total: int | None, elapsed_s: float) -> str:
    """`[####----]  61%  1,204,000 frames  310 MB/s  4 s left`; no share where no end is known."""
    rate = bytes_read / elapsed_s
    told = f"{frames:,} frames  {rate / 1e6:,.0f} MB/s"
    if not bytes_total or not rate:
        return f"{told}  {bytes_read / 1e6:,.0f} MB read"
    share = min(bytes_read / bytes_total, 1.0)
    filled = round(share * _BAR_CELLS)
    bar = "#" * filled + "-" * (_BAR_CELLS - filled)
    return f"[{bar}] {share:4.0%}  {told}  {max(bytes_total - bytes_read, 0) / rate:,.0f} s left"
