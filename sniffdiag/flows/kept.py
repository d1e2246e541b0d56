"""`KeptBytes`: the pieces of sealed flows, sorted by flow and side, put together when asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.fragments import SIDES
from sniffdiag.flows.head import LATE_BYTES, Piece, datagrams, reassembled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sniffdiag.flows.flow import Stream
    from sniffdiag.flows.pieces import Block
    from sniffdiag.flows.tuples import Ints

HALF_OF_SEQUENCE_NUMBERS = 1 << 31
UNKNOWN_ISN = -1


class KeptBytes:
    """The kept bytes of `n` flows. Sides are the table's (0 is the smaller endpoint)."""

    __slots__ = ("_block", "_blocks", "_first", "_isn", "_owner", "_row_in_block")

    def __init__(self, blocks: Sequence[Block], owners: Sequence[Ints], isn: Ints) -> None:
        """`owners`: flow and side (`row * 2 + side`) of the pieces of each block."""
        self._blocks = blocks
        self._isn = isn
        """Initial sequence numbers, shape `(n, 2)`, `UNKNOWN_ISN` where no SYN tells."""
        nothing = np.zeros(0, np.int64)
        owner = np.concatenate([nothing, *owners])
        order = np.argsort(owner, kind="stable")
        self._owner = owner[order]
        self._block = np.repeat(
            np.arange(len(blocks), dtype=np.int32), [block.rows for block in blocks]
        )[order]
        self._row_in_block = np.concatenate(
            [nothing, *[np.arange(block.rows) for block in blocks]]
        )[order]
        counts = np.bincount(self._owner, minlength=isn.size)
        self._first = np.concatenate([[0], np.cumsum(counts)])

    def counts(self) -> Ints:
        """Pieces of each flow and side, shape `(n, 2)`."""
        counts: Ints = np.diff(self._first)
        return counts.reshape(-1, SIDES)

    def pieces(self, row: int, side: int) -> list[Piece]:
        """The pieces of one side, capture order."""
        owner = row * SIDES + side
        return [self._piece(index) for index in range(self._first[owner], self._first[owner + 1])]

    def tcp(self, row: int, side: int, payload_bytes: int) -> Stream:
        """One side of a TCP flow, in sequence order."""
        isn = int(self._isn[row, side])
        known = None if isn == UNKNOWN_ISN else isn
        return reassembled(self.pieces(row, side), known, payload_bytes)

    def datagrams(self, row: int, side: int, payload_bytes: int) -> Stream:
        """One side of a flow of datagrams."""
        return datagrams(self.pieces(row, side), payload_bytes)

    def containing(self, needles: Sequence[bytes]) -> npt.NDArray[np.bool_]:
        """Flows and sides, shape `(n, 2)`, with a piece that contains one of `needles`."""
        found = np.zeros(self._isn.size, np.bool_)
        pattern = re.compile(b"|".join(map(re.escape, needles)))
        hits = [_rows_with(block, pattern) for block in self._blocks]
        for number, rows in enumerate(hits):
            held = np.zeros(self._blocks[number].rows, np.bool_)
            held[rows] = True
            mine = np.flatnonzero(self._block == number)
            found[self._owner[mine[held[self._row_in_block[mine]]]]] = True
        return found.reshape(-1, SIDES)

    def gap_bytes(self) -> Ints:
        """Bytes missing among the pieces of TCP heads, shape `(n, 2)`."""
        missing = np.zeros(self._isn.size, np.int64)
        heads = np.flatnonzero(~self._column("sample")) if self._blocks else self._owner
        if not heads.size:
            return missing.reshape(-1, SIDES)
        owner = self._owner[heads]
        at = self._offsets(heads)
        order = np.lexsort((at, owner))
        heads, owner, at = heads[order], owner[order], at[order]
        captured_end = at + self._column("captured")[heads]
        wire_end = at + self._column("wire")[heads]
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
        seq = self._column("seq").astype(np.int64)
        owner = self._owner[rows]
        isn = self._isn.reshape(-1)[owner]
        origin = np.where(isn == UNKNOWN_ISN, seq[self._first[owner]], isn + 1)
        half = HALF_OF_SEQUENCE_NUMBERS
        distance: Ints = (seq[rows] - origin + half) % (2 * half) - half
        return np.maximum(distance, -LATE_BYTES)

    def _column(self, name: str) -> npt.NDArray[np.int64]:
        """A column of all blocks, in order of owner."""
        starts = np.cumsum([0, *[block.rows for block in self._blocks]])
        whole = np.concatenate([getattr(block, name) for block in self._blocks])
        values: npt.NDArray[np.int64] = whole[starts[self._block] + self._row_in_block]
        return values

    def _piece(self, index: int) -> Piece:
        block, row = self._blocks[self._block[index]], int(self._row_in_block[index])
        return Piece(
            seq=int(block.seq[row]),
            frame=int(block.frame[row]),
            data=block.bytes_of(row),
            captured=int(block.captured[row]),
            wire=int(block.wire[row]),
            sample=bool(block.sample[row]),
        )


def _rows_with(block: Block, pattern: re.Pattern[bytes]) -> Ints:
    """Pieces of a block in which the pattern is found, not across their borders."""
    spans = np.array([match.span() for match in pattern.finditer(block.data.data)], np.int64)
    spans = spans.reshape(-1, 2)
    order = np.argsort(block.at)
    rows = order[np.searchsorted(block.at[order], spans[:, 0], side="right") - 1]
    return rows[spans[:, 1] <= (block.at + block.kept)[rows]]
