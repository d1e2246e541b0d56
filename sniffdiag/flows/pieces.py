"""`Pieces`: the bytes that flows keep, as captured, within a budget that shrinks as a table grows.

For each side of a fragment the first bytes are kept whole (the head), then the beginnings of a few
further segments (samples). What may be kept is decided when a segment is captured, from the number
of fragments known by then and from what the side has sent before. Both only grow when captures are
put together, so a part always holds at least what the whole wants to keep, and the choice can be
made again after a merge (law 3). Nothing is put in sequence order here: that is `head`.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.tuples import Ints, grown
from sniffdiag.records import dataclass

# By the number of fragments known when a segment is captured: what its side may keep. Together
# they hold the kept bytes of any capture below about 400 MB.
TIERS = np.array([1_024, 8_192, 65_536, 262_144])
HEAD_BYTES = np.array([4_096, 1_536, 768, 256, 0])
SAMPLES = np.array([16, 8, 4, 1, 0])
SAMPLE_BYTES = 64
CELL_BYTES = 64
"""Bytes are copied in cells of so many."""
CELLS_AT_ONCE = 2_048
"""What numpy gathers before it can be stored stays in the cache."""
CEILING = int(TIERS[-1])
"""From so many fragments on nothing is kept, only counted."""

BEYOND_ANY_BUDGET = 2**31
MOST_BYTES_TO_JOIN = 1 << 20


@dataclass(frozen=True, slots=True)
class Offer:
    """Captured segments that may be kept; equal owners are adjacent and in capture order."""

    owner: Ints
    """Fragment and side: `fragment * 2 + side`."""
    before: npt.NDArray[np.uint32]
    """Payload bytes captured of the owner before the segment; at most `BEYOND_ANY_BUDGET`."""
    captured: npt.NDArray[np.int32]
    """Captured payload bytes of the segment."""
    known: Ints
    """Fragments known when it was captured."""


@dataclass(frozen=True, slots=True)
class Block:
    """Pieces as columns, and the bytes that they point into. Capture order within an owner."""

    owner: npt.NDArray[np.int32]
    """Fragment and side: `fragment * 2 + side`."""
    seq: npt.NDArray[np.uint32]
    """Sequence number of the first byte (behind a SYN, if there is one)."""
    frame: Ints
    before: npt.NDArray[np.uint32]
    """Payload bytes captured of the owner before this piece; at most `BEYOND_ANY_BUDGET`."""
    captured: npt.NDArray[np.int32]
    """Captured payload bytes of the segment."""
    wire: npt.NDArray[np.int32]
    """Payload bytes of the segment on the wire."""
    sample: npt.NDArray[np.bool_]
    """Only the beginning is kept, because the head's budget was used up."""
    at: Ints
    """Where the piece's bytes begin in `data` (or in what is offered)."""
    kept: npt.NDArray[np.int32]
    """How many there are."""
    data: npt.NDArray[np.uint8]

    @property
    def rows(self) -> int:
        """Number of pieces."""
        return int(self.owner.shape[0])

    def take(self, rows: Ints) -> Block:
        """The given rows over the same bytes."""
        return Block(**{name: getattr(self, name)[rows] for name in COLUMNS}, data=self.data)

    def compact(self) -> Block:
        """The same pieces over bytes of their own, if these would be much fewer."""
        needed = CELL_BYTES * int((-(-self.kept // CELL_BYTES)).sum())
        return self if 4 * needed >= 3 * self.data.size else self.copied(self.data)

    def copied(self, source: npt.NDArray[np.uint8]) -> Block:
        """The same pieces with bytes of their own, from where `at` is in `source`."""
        data, at = in_cells(source, self.at, self.kept)
        return replace(self, data=data, at=at)


def in_cells(
    source: npt.NDArray[np.uint8], at: Ints, kept: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.uint8], Ints]:
    """A copy of the `kept` bytes at each `at`, in whole cells, and where each begins in it.

    A cell can always be read to its end: `FrameChunk` has as many bytes behind its last frame.
    """
    cells = np.ndarray(
        max(source.shape[0] - CELL_BYTES + 1, 0), f"V{CELL_BYTES}", source.data, strides=(1,)
    )
    count = -(-kept // CELL_BYTES)
    ends = np.cumsum(count)
    total = int(ends[-1]) if ends.size else 0
    places = np.repeat(at - (ends - count) * CELL_BYTES, count)
    places += np.arange(total) * CELL_BYTES
    data = np.empty(total * CELL_BYTES, np.uint8)
    to = data.view(cells.dtype)
    for first in range(0, total, CELLS_AT_ONCE):
        part = slice(first, first + CELLS_AT_ONCE)
        to[part] = cells[places[part]]
    return data, (ends - count) * CELL_BYTES


COLUMNS = tuple(field.name for field in fields(Block) if field.name != "data")


class Pieces:
    """Blocks of kept pieces in capture order."""

    __slots__ = ("_sampled", "blocks")

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._sampled = np.zeros(0, np.uint8)
        """Samples kept of each owner."""

    def room(self, owner: Ints, sent: Ints, known: int) -> npt.NDArray[np.bool_]:
        """Which owners may keep more with `known` fragments known.

        `sent`: payload bytes captured of all owners.
        """
        self._reserve(sent.shape[0])
        tier = int(np.searchsorted(TIERS, known, side="right"))
        more = self._sampled[: sent.shape[0]] < SAMPLES[tier]
        more |= sent < HEAD_BYTES[tier]
        room: npt.NDArray[np.bool_] = more[owner]
        return room

    def choose(self, offer: Offer) -> tuple[Ints, npt.NDArray[np.bool_], npt.NDArray[np.int32]]:
        """The rows that the budget allows, which of them are samples, and the bytes to keep."""
        self._reserve(int(offer.owner.max(initial=-1)) + 1)
        tier = np.searchsorted(TIERS, offer.known, side="right")
        room = HEAD_BYTES[tier] - offer.before
        sample = room <= 0
        ordinal = self._sampled[offer.owner] + before_in_group(offer.owner, sample)
        chosen = np.flatnonzero((~sample | (ordinal < SAMPLES[tier])) & (HEAD_BYTES[tier] > 0))
        # The last piece of a head is kept as far as a sample: it may become one in a merge.
        most = np.maximum(room[chosen], SAMPLE_BYTES)
        kept = np.minimum(offer.captured[chosen], most).astype(np.int32)
        return chosen, sample[chosen], kept

    def _reserve(self, owners: int) -> None:
        """Make room for the samples of so many owners."""
        used = self._sampled.shape[0]
        if owners > used:
            self._sampled = grown(self._sampled, used, owners)

    def moved(self, fragments: Ints) -> Pieces:
        """A copy of the pieces of those fragments that have a new number in `fragments`, not -1."""
        copy = Pieces()
        copy._reserve(2 * int(fragments.max(initial=-1)) + 2)
        for block in self.blocks:
            fragment = fragments[block.owner // 2]
            rows = np.flatnonzero(fragment >= 0)
            owner = fragment[rows] * 2 + block.owner[rows] % 2
            copy.append(replace(block.take(rows), owner=owner.astype(np.int32)).compact())
        return copy

    def append(self, block: Block) -> None:
        """Add a block at the end; small ones are put together as they pile up."""
        if not block.rows:
            return
        np.add.at(self._sampled, block.owner[block.sample], np.uint8(1))
        while self.blocks and _worth_joining(self.blocks[-1], block):
            block = _joined(self.blocks.pop(), block)
        self.blocks.append(block)


def before_in_group(groups: Ints, values: npt.NDArray[np.int32] | npt.NDArray[np.bool_]) -> Ints:
    """Sum of the values before each row within its group; equal groups are adjacent."""
    total = np.cumsum(values, dtype=np.int64) - values
    first = np.ones(groups.shape[0], np.bool_)
    first[1:] = groups[1:] != groups[:-1]
    # Totals never fall, so the greatest one at a first row so far is that of the row's own group.
    return total - np.maximum.accumulate(np.where(first, total, 0))


def _worth_joining(last: Block, block: Block) -> bool:
    """Like sizes meet as in a binary counter, so that each byte is copied a few times at most."""
    small = last.data.size + block.data.size <= MOST_BYTES_TO_JOIN
    return small and last.rows <= 2 * block.rows


def _joined(first: Block, second: Block) -> Block:
    """One block with the pieces of both."""
    columns = {
        name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in COLUMNS
    }
    columns["at"][first.rows :] += first.data.size
    return Block(**columns, data=np.concatenate([first.data, second.data]))
