"""`CopyWatch`: which rows of a chunk are copies of packets, asked only where there may be some.

A packet can be captured twice where there are several interfaces (files side by side, pcapng), a
device that stands for all of them (Linux cooked headers), tunnels beside plain frames, or a mirror
port that shows a packet on both sides of a router. The first three are seen at a glance at columns;
the last shows itself within the first frames or is not looked for.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sniffdiag.decode.fingerprint import COOKED, fingerprints
from sniffdiag.decode.headers import DecodeStatus, HeaderTable
from sniffdiag.flows.copies import Copies
from sniffdiag.sources.frames import FrameChunk

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

WATCHED_FRAMES = 8_192
"""So many frames are looked at in any capture."""


class CopyWatch:
    """A fold over chunks in capture order."""

    __slots__ = ("_copies", "_frames", "first", "several")

    def __init__(self) -> None:
        self._copies = Copies()
        self._frames = 0
        self.first: tuple[int, str] | None = None
        """Interface and encapsulation of the first packet."""
        self.several = False
        """Packets may have been captured at several places, from some frame on."""

    @property
    def may_be_followed(self) -> bool:
        """By a part of which only what is seen at a glance is asked."""
        return not self.several and self._frames >= WATCHED_FRAMES

    def among(self, chunk: FrameChunk, headers: HeaderTable) -> Mask | None:
        """Which rows are copies, None where none is."""
        self._frames += chunk.rows
        rows = np.flatnonzero(headers.status <= DecodeStatus.TRUNCATED)
        if not rows.size:
            return None
        several_from = self._several_from(chunk, headers, rows)
        watched = int(np.searchsorted(rows, WATCHED_FRAMES + 1 - headers.first_frame))
        found = self._look(chunk, headers, rows[:watched])
        if found.size:
            several_from = min(several_from, int(np.searchsorted(rows, found[0])))
        rest = rows[max(watched, several_from) :]
        self.several = several_from < rows.shape[0]
        if rest.size:
            found = np.concatenate([found, self._look(chunk, headers, rest)])
        if not found.size:
            return None
        copied = np.zeros(chunk.rows, np.bool_)
        copied[found] = True
        return copied

    def _several_from(self, chunk: FrameChunk, headers: HeaderTable, rows: Ints) -> int:
        """How many of `rows` come before the first that may have been captured elsewhere."""
        if self.several:
            return 0
        names, codes = headers.encapsulations, headers.encapsulation
        if self.first is None:
            self.first = int(headers.interface[rows[0]]), names[int(codes[rows[0]])]
        interface, name = self.first
        elsewhere = np.isin(chunk.linktype, COOKED)
        elsewhere |= headers.interface != interface
        if len(names) > 1 or name:
            elsewhere |= np.array([each != name for each in names], np.bool_)[codes]
        found = np.flatnonzero(elsewhere[rows])
        return int(found[0]) if found.size else rows.shape[0]

    def _look(self, chunk: FrameChunk, headers: HeaderTable, rows: Ints) -> Ints:
        """Those of `rows` that are copies."""
        if not rows.size:
            return rows
        prints = fingerprints(chunk, headers, rows)
        frames = headers.first_frame + rows
        return rows[self._copies.among(prints.packet, prints.place, frames, headers.ts_ns[rows])]
