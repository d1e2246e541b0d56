"""`FlowTable`: a fold over chunks that merges (law 3), and the ceiling on kept bytes (law 9).

Cut a capture wherever you like, fold the parts and merge them in capture order: the table seals to
the same flows. Who is the client, and which SYN begins a new flow, is not decided here: see `seal`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sniffdiag.decode.headers import TCP_RST, TCP_SYN
from sniffdiag.flows.chunk import first_rows, summarise
from sniffdiag.flows.fragments import FRAME_COLUMNS, SIDES, Fragments
from sniffdiag.flows.pieces import (
    BEYOND_ANY_BUDGET,
    CEILING,
    Block,
    Pieces,
    before_in_group,
    looked_up,
)
from sniffdiag.flows.tuples import Tuples, grown

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sniffdiag.decode.headers import HeaderTable
    from sniffdiag.flows.chunk import Summary
    from sniffdiag.flows.tuples import Ints


class FlowTable:
    """Fragments of flows and the bytes kept of them. An empty table is the unit of `merge`."""

    __slots__ = ("_latest", "encapsulations", "fragments", "pieces", "tuples")

    def __init__(self) -> None:
        self.tuples = Tuples()
        self.fragments = Fragments()
        self.pieces = Pieces()
        self.encapsulations: list[str] = [""]
        self._latest = np.zeros(0, np.int32)
        """The latest fragment of each tuple."""

    def fold(
        self, headers: HeaderTable, data: npt.NDArray[np.uint8], tags: npt.NDArray[np.uint8]
    ) -> None:
        """Add the chunk that follows. `data` is the chunk's; what is kept of it is copied."""
        summary = summarise(headers, tags)
        if not summary.frame.size:
            return
        known = self.fragments.rows
        self._rename(summary.fragments, headers.encapsulations)
        target = self._place(summary.fragments, summary.tuples)
        if known < CEILING:
            self._keep_payload(summary, data, target)
        self._absorb(summary.fragments, target, known)

    def renumber(self, by: int) -> None:
        """Add `by` to every frame number: so many frames come before those of this table."""
        for name in FRAME_COLUMNS:
            self.fragments.shift_frames(name, by)
        self.pieces.blocks = [replace(b, frame=b.frame + by) for b in self.pieces.blocks]

    def merge(self, other: FlowTable) -> None:
        """Add a table of what was captured after everything in this one. `other` is spent."""
        known = self.fragments.rows
        self._rename(other.fragments, other.encapsulations)
        target = self._place(other.fragments, other.tuples)
        if known < CEILING:
            self._keep_pieces(other, target, known)
        self._absorb(other.fragments, target, known)

    def _rename(self, fragments: Fragments, names: Sequence[str]) -> None:
        """Turn the fragments' encapsulation numbers into this table's."""
        self.encapsulations += [name for name in names if name not in self.encapsulations]
        numbers = np.array([self.encapsulations.index(name) for name in names], np.uint8)
        fragments["encapsulation"][:] = numbers[fragments["encapsulation"]]

    def _place(self, fragments: Fragments, tuples: Tuples) -> Ints:
        """The fragment of this table that each given one becomes or is added to."""
        slots, _ = self.tuples.place(tuples.keys())
        if self.tuples.count > self._latest.shape[0]:
            used = self._latest.shape[0]
            self._latest = grown(self._latest, used, self.tuples.count)
            self._latest[used:] = -1
        theirs = fragments["slot"]
        first = np.zeros(theirs.shape[0], np.bool_)
        first[first_rows(theirs, np.arange(theirs.shape[0]), tuples.count)] = True
        slot = slots[theirs]
        target = self._latest[slot].astype(np.int64)
        new = ~(first & ~fragments["begun_by_syn"] & (target >= 0))
        target[new] = self.fragments.rows + np.arange(np.count_nonzero(new))
        self._latest[slot] = target  # of equal indices the last assignment stays
        fragments["slot"][:] = slot
        return target

    def _absorb(self, fragments: Fragments, target: Ints, known: int) -> None:
        """Append the new fragments and add the others to those that they continue."""
        new = target >= known
        self.fragments.append(fragments, np.flatnonzero(new))
        old = np.flatnonzero(~new)
        self.fragments.combine(target[old], fragments, old)

    def _keep_payload(self, summary: Summary, data: npt.NDArray[np.uint8], target: Ints) -> None:
        """Offer a chunk's payload to `pieces`."""
        headers, known = summary.headers, self.fragments.rows
        rows = np.flatnonzero(headers.payload_len)
        owner = (target * SIDES)[summary.fragment[rows]] + summary.side[rows]
        sent = self._sent(owner)
        hopeful = np.flatnonzero(self.pieces.room(owner, sent, known))
        order = hopeful[np.argsort(owner[hopeful], kind="stable")]
        rows, owner = rows[order], owner[order]
        captured = headers.payload_len[rows]
        offer = Block(
            owner=owner,
            seq=headers.seq[rows] + ((summary.flags[rows] & TCP_SYN) != 0),
            frame=summary.frame[rows],
            before=_bounded(sent[order] + before_in_group(owner, captured)),
            captured=captured,
            wire=headers.payload_wirelen[rows],
            sample=np.zeros(rows.shape[0], np.bool_),
            at=headers.payload_at[rows],
            kept=captured.astype(np.int64),
            data=data,
        )
        starts = summary.start[target >= known]
        # What comes with a RST explains it (RFC 9293 3.5.2) and is no part of the stream.
        streamed = (summary.flags[rows] & TCP_RST) == 0
        if not streamed.all():
            offer, rows = offer.take(np.flatnonzero(streamed)), rows[streamed]
        self.pieces.keep(offer, known + np.searchsorted(starts, rows, side="right"))

    def _keep_pieces(self, other: FlowTable, target: Ints, known: int) -> None:
        """Offer the pieces of a later table to `pieces`: they may be too many for both together."""
        starts = other.fragments["first_frame"][target >= known]
        for block in other.pieces.blocks:
            fragment, side = np.divmod(block.owner, SIDES)
            owner = target[fragment] * SIDES + side
            before = _bounded(self._sent(owner) + block.before)
            then_known = known + np.searchsorted(starts, block.frame, side="right")
            self.pieces.keep(replace(block, owner=owner, before=before), then_known)

    def _sent(self, owner: Ints) -> Ints:
        """Payload bytes that were captured of each owner until now."""
        return looked_up(self.fragments["captured_bytes"].reshape(-1), owner)


def _bounded(before: Ints) -> Ints:
    """Counts beyond any budget are all the same."""
    return np.minimum(before, BEYOND_ANY_BUDGET)


def merge(earlier: FlowTable, later: FlowTable) -> FlowTable:
    """Both as one table; `later` was captured after `earlier`. Neither may be used again."""
    earlier.merge(later)
    return earlier
