"""`Tuples`: the endpoints and transport of every packet as a small number, a chunk at a time.

An open-addressing hash table with linear probing, held in arrays. Keys are compared exactly: a hash
only says where to look. VLAN, interface and encapsulation are no part of a key, so that a packet
captured at two places belongs to one flow. Which packet is a client's is not decided here: side 0
is the smaller endpoint.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from sniffdiag.decode.headers import HeaderTable

U64s: TypeAlias = npt.NDArray[np.uint64]
Ints: TypeAlias = npt.NDArray[np.int64]
T = TypeVar("T", bound=np.generic)

KEY_COLUMNS = 5
"""low halves of both addresses; ports and transport; high halves of both addresses."""
PACKED_WITHOUT_HIGH_HALVES = 3
SMALLEST_TABLE = 1024
EMPTY_CELL = -1

# Odd multipliers that nobody outside this process knows: a capture cannot be crafted so that its
# keys collide. Slots are numbered in order of appearance, so results do not depend on them.
_MULTIPLIERS = np.frombuffer(os.urandom(8 * KEY_COLUMNS), np.uint64) | np.uint64(1)
_SPREAD = np.uint64(0x9E37_79B9_7F4A_7C15)  # 2^64 / golden ratio (Knuth, TAOCP 6.4)


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of n packets (or tuples), without direction."""

    columns: tuple[U64s, ...]
    """`KEY_COLUMNS` columns, or the first three where no address is a real IPv6 one."""

    @property
    def rows(self) -> int:
        """Number of keys."""
        return int(self.columns[0].shape[0])

    def take(self, rows: Ints) -> Keys:
        """The keys of `rows`."""
        return Keys(tuple(column[rows] for column in self.columns))


def keys_of(headers: HeaderTable) -> tuple[Keys, npt.NDArray[np.bool_]]:
    """The key of every packet, and whether its source is side 1 (the larger endpoint)."""
    src_lo, dst_lo = headers.src_lo, headers.dst_lo
    src_hi, dst_hi = headers.src_hi, headers.dst_hi
    wide = bool(src_hi.any() or dst_hi.any())
    from_1 = src_lo > dst_lo
    if wide:
        from_1 = np.where(src_hi == dst_hi, from_1, src_hi > dst_hi)
    src_port = headers.src_port.astype(np.uint64)
    dst_port = headers.dst_port.astype(np.uint64)
    alike = np.flatnonzero((src_lo == dst_lo) & (src_hi == dst_hi))
    from_1[alike] = src_port[alike] > dst_port[alike]
    meta = (headers.transport.astype(np.uint64) << np.uint64(32)) | np.where(
        from_1, (dst_port << np.uint64(16)) | src_port, (src_port << np.uint64(16)) | dst_port
    )
    packed = (np.where(from_1, dst_lo, src_lo), np.where(from_1, src_lo, dst_lo), meta)
    if not wide:
        return Keys(packed), from_1
    high = (np.where(from_1, dst_hi, src_hi), np.where(from_1, src_hi, dst_hi))
    return Keys(packed + high), from_1


class Tuples:
    """Distinct keys, numbered as they come (slots). Never forgets one."""

    __slots__ = ("_cells", "_columns", "count")

    def __init__(self) -> None:
        self.count = 0
        self._columns = [np.zeros(0, np.uint64)] * PACKED_WITHOUT_HIGH_HALVES
        self._cells = np.full(SMALLEST_TABLE, EMPTY_CELL, np.int32)

    def keys(self) -> Keys:
        """The keys of all slots, all columns."""
        columns = [column[: self.count] for column in self._columns]
        missing = KEY_COLUMNS - len(columns)
        return Keys((*columns, *[np.zeros(self.count, np.uint64)] * missing))

    def place(self, keys: Keys) -> tuple[Ints, Ints]:
        """The slot of every key, and the rows (unordered) at which a key was first seen."""
        keys = self._alike_in_width(keys)
        self._reserve(keys.rows)
        slots = np.empty(keys.rows, np.int64)
        rows = np.arange(keys.rows)
        cells = self._home(keys)
        fresh = [rows[:0]]
        while rows.size:
            found = self._cells[cells]
            vacant = np.flatnonzero(found == EMPTY_CELL)
            if vacant.size:
                fresh.append(rows[vacant[self._claim(keys, cells, vacant)]])
                found[vacant] = self._cells[cells[vacant]]
            equal = self._columns[0][found] == keys.columns[0]
            for mine, theirs in zip(self._columns[1:], keys.columns[1:], strict=True):
                equal &= mine[found] == theirs
            slots[rows] = found
            rest = np.flatnonzero(~equal)
            rows, keys = rows[rest], keys.take(rest)
            cells = (cells[rest] + 1) & (self._cells.shape[0] - 1)
        return slots, np.concatenate(fresh)

    def _claim(self, keys: Keys, cells: Ints, vacant: Ints) -> Ints:
        """Give every vacant cell to the first key that wants it; positions in `vacant` that won."""
        wanted = cells[vacant]
        bids = np.arange(vacant.shape[0], dtype=np.int32)
        self._cells[wanted[::-1]] = bids[::-1]  # of equal indices the last assignment stays
        won = np.flatnonzero(self._cells[wanted] == bids)
        slots = np.arange(self.count, self.count + won.shape[0])
        self._cells[wanted[won]] = slots
        for mine, theirs in zip(self._columns, keys.columns, strict=True):
            mine[slots] = theirs[vacant[won]]
        self.count += won.shape[0]
        return won

    def _home(self, keys: Keys) -> Ints:
        """The cell at which the search for each key begins."""
        mixed = keys.columns[0] * _MULTIPLIERS[0]
        for column, multiplier in zip(keys.columns[1:], _MULTIPLIERS[1:], strict=False):
            mixed += column * multiplier
        mixed ^= mixed >> np.uint64(32)
        mixed *= _SPREAD
        bits = self._cells.shape[0].bit_length() - 1
        home: Ints = (mixed >> np.uint64(64 - bits)).astype(np.int64)
        return home

    def _alike_in_width(self, keys: Keys) -> Keys:
        """Keys with as many columns as the table, which is widened at the first IPv6 address."""
        missing = len(self._columns) - len(keys.columns)
        if missing > 0:
            return Keys((*keys.columns, *[np.zeros(keys.rows, np.uint64)] * missing))
        if missing < 0:
            # Zeros add nothing to a hash, so every key stays in its cell.
            self._columns += [np.zeros_like(self._columns[0]) for _ in range(-missing)]
        return keys

    def _reserve(self, rows: int) -> None:
        """Make room for `rows` new keys at a load of one half."""
        needed = self.count + rows
        if needed > self._columns[0].shape[0]:
            self._columns = [grown(column, self.count, needed) for column in self._columns]
        if 2 * needed > self._cells.shape[0]:
            self._cells = self._rebuilt(1 << (2 * needed - 1).bit_length())

    def _rebuilt(self, size: int) -> npt.NDArray[np.int32]:
        """Cells of another size for the keys that are there: all differ, so none is compared."""
        self._cells = np.full(size, EMPTY_CELL, np.int32)
        slots = np.arange(self.count, dtype=np.int32)
        cells = self._home(Keys(tuple(column[: self.count] for column in self._columns)))
        while slots.size:
            vacant = np.flatnonzero(self._cells[cells] == EMPTY_CELL)
            self._cells[cells[vacant]] = slots[vacant]
            rest = np.flatnonzero(self._cells[cells] != slots)
            slots, cells = slots[rest], (cells[rest] + 1) & (size - 1)
        return self._cells


def grown(column: npt.NDArray[T], used: int, needed: int) -> npt.NDArray[T]:
    """A copy with room for at least `needed` rows; pages beyond the used rows are not touched."""
    room = max(needed, 2 * column.shape[0])
    larger = np.empty((room, *column.shape[1:]), column.dtype)
    larger[:used] = column[:used]
    return larger
