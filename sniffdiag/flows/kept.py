"""`KeptBytes`: the pieces of sealed flows, sorted by flow and side, put together when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.fragments import SIDES
from sniffdiag.flows.head import LATE_BYTES, Piece, datagrams, reassembled
from sniffdiag.flows.pieces import in_cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sniffdiag.flows.flow import Stream
    from sniffdiag.flows.pieces import Block
    from sniffdiag.flows.tuples import Ints

HALF_OF_SEQUENCE_NUMBERS = 1 << 31
UNKNOWN_ISN = -1
BEGINNING_PIECES = 2
MOST_PIECES = 40
"""Pieces of a side that are put together: chatter in tiny segments says no more with its hundredth
message than with its twentieth, and every piece costs Python time."""
_PIECE = ("seq", "frame", "captured", "wire", "sample", "at", "kept")


class KeptBytes:
    """The kept bytes of `n` flows. Sides are the table's (0 is the smaller endpoint)."""

    __slots__ = ("_block", "_columns", "_data", "_first", "_isn", "_owner")

    def __init__(self, blocks: Sequence[Block], owners: Sequence[Ints], isn: Ints) -> None:
        """`owners`: flow and side (`row * 2 + side`) of the pieces of each block."""
        self._data = [block.data for block in blocks]
        self._isn = isn
        """Initial sequence numbers, shape `(n, 2)`, `UNKNOWN_ISN` where no SYN tells."""
        owner = np.concatenate([np.zeros(0, np.int64), *owners])
        order = np.argsort(owner, kind="stable")
        self._owner = owner[order]
        rows = [block.rows for block in blocks]
        self._block = np.repeat(np.arange(len(blocks), dtype=np.int32), rows)[order]
        self._columns = {name: _column(blocks, name)[order] for name in _PIECE}
        counts = np.bincount(self._owner, minlength=isn.size)
        self._first = np.concatenate([[0], np.cumsum(counts)])

    def counts(self) -> Ints:
        """Pieces of each flow and side, shape `(n, 2)`."""
        counts: Ints = np.diff(self._first)
        return counts.reshape(-1, SIDES)

    def pieces(self, row: int, side: int) -> list[Piece]:
        """The first pieces of one side, capture order."""
        owner = row * SIDES + side
        first, end = int(self._first[owner]), int(self._first[owner + 1])
        mine = slice(first, min(first + MOST_PIECES, end))
        told = {name: column[mine].tolist() for name, column in self._columns.items()}
        data = [
            self._data[block][at : at + kept].tobytes()
            for block, at, kept in zip(
                self._block[mine].tolist(), told["at"], told["kept"], strict=True
            )
        ]
        facts = (told["captured"], told["wire"], told["sample"])
        return list(map(Piece, told["seq"], told["frame"], data, *facts))

    def beginning(self, row: int, side: int) -> bytes:
        """See `flow.Kept`: two pieces, which hold a ClientHello with post-quantum key shares."""
        owner = row * SIDES + side
        first, end = int(self._first[owner]), int(self._first[owner + 1])
        block, at, kept = self._block, self._columns["at"], self._columns["kept"]
        return b"".join(
            self._data[block[i]][at[i] : at[i] + kept[i]].tobytes()
            for i in range(first, min(first + BEGINNING_PIECES, end))
        )

    def tcp(self, row: int, side: int, payload_bytes: int) -> Stream:
        """One side of a TCP flow, in sequence order."""
        isn = int(self._isn[row, side])
        known = None if isn == UNKNOWN_ISN else isn
        return reassembled(self.pieces(row, side), known, payload_bytes)

    def datagrams(self, row: int, side: int, payload_bytes: int) -> Stream:
        """One side of a flow of datagrams."""
        return datagrams(self.pieces(row, side), payload_bytes)

    def containing(
        self, needles: Sequence[bytes], among: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """See `flow.Kept`."""
        found = np.zeros(self._isn.size, np.bool_)
        rows = np.flatnonzero(among.reshape(-1)[self._owner] & (self._columns["kept"] > 0))
        rows = rows[np.argsort(self._block[rows], kind="stable")]
        begins = np.flatnonzero(np.diff(self._block[rows], prepend=-1))
        for mine in np.split(rows, begins[1:]) if rows.size else ():
            found[self._owner[self._holding(needles, mine)]] = True
        return found.reshape(-1, SIDES)

    def _holding(self, needles: Sequence[bytes], rows: Ints) -> Ints:
        """Those of `rows`, pieces of one block, that contain one of `needles`."""
        kept = self._columns["kept"][rows]
        source = self._data[int(self._block[rows[0]])]
        cells, begins = in_cells(source, self._columns["at"][rows], kept.astype(np.int32))
        data = cells.tobytes()
        hits = [(at, at + len(n)) for n in needles for at in _occurrences(n, data)]
        spans = np.array(hits, np.int64).reshape(-1, 2)
        pieces = np.searchsorted(begins, spans[:, 0], side="right") - 1
        inside = spans[:, 1] <= (begins + kept)[pieces]  # not across the border of two pieces
        held: Ints = rows[pieces[inside]]
        return held

    def gap_bytes(self) -> Ints:
        """Bytes missing among the pieces of TCP heads, shape `(n, 2)`."""
        missing = np.zeros(self._isn.size, np.int64)
        heads = np.flatnonzero(self._columns["sample"] == 0)
        if not heads.size:
            return missing.reshape(-1, SIDES)
        owner = self._owner[heads]
        at = self._offsets(heads)
        order = np.lexsort((at, owner))
        heads, owner, at = heads[order], owner[order], at[order]
        captured_end = at + self._columns["captured"][heads]
        wire_end = at + self._columns["wire"][heads]
        # Owners are set apart by more than any offset, so one running maximum serves all of them.
        apart = owner * (4 * HALF_OF_SEQUENCE_NUMBERS)
        first = np.flatnonzero(np.diff(owner, prepend=-1))
        last = np.append(first[1:], owner.shape[0]) - 1
        known = self._isn.reshape(-1)[owner[first]] != UNKNOWN_ISN
        reach = np.maximum.accumulate(captured_end + apart)
        before = np.roll(reach, 1) - apart
        before[first] = np.where(known, 0, at[first])
        np.add.at(missing, owner, np.maximum(at - before, 0))
        wire = np.maximum.accumulate(wire_end + apart)[last] - reach[last]
        np.add.at(missing, owner[last], wire)
        return missing.reshape(-1, SIDES)

    def _offsets(self, rows: Ints) -> Ints:
        """Stream offsets of pieces, from the initial sequence number or the side's first piece."""
        seq = self._columns["seq"].astype(np.int64)
        owner = self._owner[rows]
        isn = self._isn.reshape(-1)[owner]
        origin = np.where(isn == UNKNOWN_ISN, seq[self._first[owner]], isn + 1)
        half = HALF_OF_SEQUENCE_NUMBERS
        distance: Ints = (seq[rows] - origin + half) % (2 * half) - half
        return np.maximum(distance, -LATE_BYTES)


def _column(blocks: Sequence[Block], name: str) -> Ints:
    """A column of all blocks."""
    column: Ints = np.concatenate([getattr(b, name) for b in blocks] or [np.zeros(0, np.int64)])
    return column


def _occurrences(needle: bytes, data: bytes) -> Iterator[int]:
    """Where `needle` begins in `data`."""
    at = data.find(needle)
    while at >= 0:
        yield at
        at = data.find(needle, at + 1)
