"""`Pieces`: the bytes that flows keep, as captured, within a budget that shrinks as a table grows.

For each side of a fragment the first bytes are kept whole (the head), then the beginnings of a few
further segments (samples). What may be kept is decided when a segment is captured, from the number
of fragments known by then and from what the side has sent before. Both only grow when captures are
put together, so a part always holds at least what the whole wants to keep, and the choice can be
made again after a merge (law 3). Nothing is put in sequence order here: that is `head`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.tuples import Ints, grown

# By the number of fragments known when a segment is captured: what its side may keep. Together
# they hold the kept bytes of any capture below about 400 MB.
TIERS = np.array([4_096, 32_768, 131_072, 262_144])
HEAD_BYTES = np.array([8_192, 2_048, 512, 256, 0])
SAMPLES = np.array([24, 8, 2, 1, 0])
SAMPLE_BYTES = 64
WORD = 64
"""Bytes are copied in multiples of so many: `FrameChunk` has as many behind its last frame."""
CEILING = int(TIERS[-1])
"""From so many fragments on nothing is kept, only counted."""

BEYOND_ANY_BUDGET = 2**31
MOST_BYTES_TO_JOIN = 1 << 20


@dataclass(frozen=True, slots=True)
class Block:
    """Pieces as columns, and the bytes that they point into. Capture order within an owner."""

    owner: Ints
    """Fragment and side: `fragment * 2 + side`."""
    seq: npt.NDArray[np.uint32]
    """Sequence number of the first byte (behind a SYN, if there is one)."""
    frame: Ints
    before: Ints
    """Payload bytes captured of the owner before this piece; at most `BEYOND_ANY_BUDGET`."""
    captured: npt.NDArray[np.int32]
    """Captured payload bytes of the segment."""
    wire: npt.NDArray[np.int32]
    """Payload bytes of the segment on the wire."""
    sample: npt.NDArray[np.bool_]
    """Only the beginning is kept, because the head's budget was used up."""
    at: Ints
    """Where the piece's bytes begin in `data`."""
    kept: Ints
    """How many there are."""
    data: npt.NDArray[np.uint8]

    @property
    def rows(self) -> int:
        """Number of pieces."""
        return int(self.owner.shape[0])

    def take(self, rows: Ints) -> Block:
        """The given rows over the same bytes."""
        return Block(**{name: getattr(self, name)[rows] for name in COLUMNS}, data=self.data)

    def bytes_of(self, row: int) -> bytes:
        """The kept bytes of one piece."""
        at = int(self.at[row])
        return self.data[at : at + int(self.kept[row])].tobytes()


COLUMNS = tuple(field.name for field in fields(Block) if field.name != "data")


class Pieces:
    """Blocks of kept pieces in capture order."""

    __slots__ = ("_sampled", "blocks")

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._sampled = np.zeros(0, np.uint8)
        """Samples kept of each owner."""

    def room(self, owner: Ints, sent: Ints, known: int) -> npt.NDArray[np.bool_]:
        """Which owners may keep more with `known` fragments known and `sent` bytes captured."""
        tier = int(np.searchsorted(TIERS, known, side="right"))
        more_samples = looked_up(self._sampled, owner) < SAMPLES[tier]
        more: npt.NDArray[np.bool_] = more_samples | (sent < HEAD_BYTES[tier])
        return more

    def keep(self, offer: Block, known: Ints) -> None:
        """Copy what the budget allows; `known`: fragments known when each row was captured."""
        if (np.diff(offer.owner) < 0).any():
            order = np.argsort(offer.owner, kind="stable")
            offer, known = offer.take(order), known[order]
        tier = np.searchsorted(TIERS, known, side="right")
        room = HEAD_BYTES[tier] - offer.before
        sample = room <= 0
        ordinal = looked_up(self._sampled, offer.owner) + before_in_group(offer.owner, sample)
        chosen = np.flatnonzero((~sample | (ordinal < SAMPLES[tier])) & (HEAD_BYTES[tier] > 0))
        most = np.where(sample, SAMPLE_BYTES, room)
        kept = np.minimum(offer.captured, most)[chosen]
        self._append(_copied(offer.take(chosen), sample[chosen], kept))

    def _append(self, block: Block) -> None:
        """Add a block at the end; small ones are put together as they pile up."""
        if not block.rows:
            return
        owners = int(block.owner[-1]) + 1
        if owners > self._sampled.shape[0]:
            used = self._sampled.shape[0]
            self._sampled = grown(self._sampled, used, owners)
            self._sampled[used:] = 0
        np.add.at(self._sampled, block.owner[block.sample], np.uint8(1))
        while self.blocks and _worth_joining(self.blocks[-1], block):
            block = _joined(self.blocks.pop(), block)
        self.blocks.append(block)


def looked_up(column: npt.NDArray[np.generic], rows: Ints) -> Ints:
    """`column` at `rows`, 0 beyond its end."""
    values = np.zeros(rows.shape[0], np.int64)
    there = rows < column.shape[0]
    values[there] = column[rows[there]]
    return values


def before_in_group(groups: Ints, values: npt.NDArray[np.int32] | npt.NDArray[np.bool_]) -> Ints:
    """Sum of the values before each row within its group; equal groups are adjacent."""
    total = np.cumsum(values, dtype=np.int64) - values
    first = np.ones(groups.shape[0], np.bool_)
    first[1:] = groups[1:] != groups[:-1]
    # Totals never fall, so the greatest one at a first row so far is that of the row's own group.
    return total - np.maximum.accumulate(np.where(first, total, 0))


def _copied(block: Block, sample: npt.NDArray[np.bool_], kept: Ints) -> Block:
    """A block with its own bytes: the first `kept` of every piece, in cells of whole words.

    Pieces of as many words are copied together. A word more than is kept can always be read: that
    many bytes follow the last frame of a chunk, and the last piece of a block.
    """
    words = -(-kept // WORD)
    order = np.argsort(words, kind="stable")
    counts = np.bincount(words)
    ends = np.cumsum(words[order]) * WORD
    at = np.empty_like(kept)
    at[order] = ends - words[order] * WORD
    data = np.empty(int(ends[-1]) if ends.size else 0, np.uint8)
    first = 0
    for size in np.flatnonzero(counts).tolist():
        rows = order[first : first + counts[size]]
        _copy_cells(block, rows, data[at[rows[0]] :][: rows.shape[0] * size * WORD])
        first += rows.shape[0]
    columns = {name: getattr(block, name) for name in COLUMNS}
    columns |= {"sample": sample, "kept": kept, "at": at}
    return Block(**columns, data=data)


def _copy_cells(block: Block, rows: Ints, to: npt.NDArray[np.uint8]) -> None:
    """Copy cells of equal size in one call."""
    size = to.shape[0] // rows.shape[0]
    cells = np.ndarray((block.data.shape[0] - size + 1,), f"V{size}", block.data.data, strides=(1,))
    to.view(cells.dtype)[:] = cells[block.at[rows]]


def _worth_joining(last: Block, block: Block) -> bool:
    """Like sizes meet as in a binary counter, so that each byte is copied a few times at most."""
    small = last.data.shape[0] + block.data.shape[0] <= MOST_BYTES_TO_JOIN
    return small and last.rows <= 2 * block.rows


def _joined(first: Block, second: Block) -> Block:
    """One block with the pieces of both."""
    columns = {
        name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in COLUMNS
    }
    columns["at"][first.rows :] += first.data.shape[0]
    return Block(**columns, data=np.concatenate([first.data, second.data]))
