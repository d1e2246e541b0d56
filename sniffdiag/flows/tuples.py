"""`Tuples`: the endpoints and transport of every packet as a small number, a chunk at a time.

An open-addressing hash table with linear probing, held in arrays. Keys are compared exactly: a hash
only says where to look. VLAN, interface and encapsulation are no part of a key, so that a packet
captured at two places belongs to one flow. Which packet is a client's is not decided here: side 0
is the smaller endpoint.
"""

from __future__ import annotations

import os
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from sniffdiag.decode.headers import V4_MAPPED, HeaderTable
from sniffdiag.records import dataclass

U64s: TypeAlias = npt.NDArray[np.uint64]
Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)

NARROW_COLUMNS = 2
"""Enough where both addresses are IPv4."""
KEY_COLUMNS = 5
SMALLEST_TABLE = 1024
EMPTY_CELL = -1

_PORT_BITS, _BITS_ABOVE_PORT = np.uint64(16), np.uint64(48)
_HALF = np.uint64(32)
_V4_MAPPED = np.uint64(V4_MAPPED)
_LAST_V4_MAPPED = np.uint64(V4_MAPPED | 0xFFFF_FFFF)
_V4_MARK = np.uint64(V4_MAPPED >> 32)

# Odd multipliers that nobody outside this process knows: a capture cannot be crafted so that its
# keys collide. Slots are numbered in order of appearance, so results do not depend on them.
_MULTIPLIERS = np.frombuffer(os.urandom(8 * KEY_COLUMNS), np.uint64) | np.uint64(1)
_SPREAD = np.uint64(0x9E37_79B9_7F4A_7C15)  # 2^64 / golden ratio (Knuth, TAOCP 6.4)


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of n packets (or tuples), without direction.

    An endpoint is a number of 144 bits: address, then port. The first two columns are the lowest 64
    bits of both endpoints, the second with the transport in its upper bits. Where not both are
    IPv4 there are more: the upper halves of both addresses, and a column with what is left of the
    lower halves and the transport once more. That column is 0 for IPv4.
    """

    columns: tuple[U64s, ...]
    """`KEY_COLUMNS` columns, or the first two where all addresses are IPv4."""

    @property
    def rows(self) -> int:
        """Number of keys."""
        return int(self.columns[0].shape[0])

    def take(self, rows: Ints) -> Keys:
        """The keys of `rows`."""
        return Keys(tuple(column[rows] for column in self.columns))


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses and ports of both sides of n tuples, side 0 first, and the transport."""

    hi: tuple[U64s, U64s]
    lo: tuple[U64s, U64s]
    port: tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]]
    transport: npt.NDArray[np.uint8]


def keys_of(headers: HeaderTable) -> tuple[Keys, Mask]:
    """The key of every packet, and whether its source is side 1 (the larger endpoint)."""
    src = (headers.src_lo << _PORT_BITS) | headers.src_port
    dst = (headers.dst_lo << _PORT_BITS) | headers.dst_port
    transport = headers.transport.astype(np.uint64) << _BITS_ABOVE_PORT
    if _all_v4(headers):
        return Keys((np.minimum(src, dst), np.maximum(src, dst) ^ transport)), src > dst
    from_1 = _source_is_larger(headers)
    return _wide_keys(headers, from_1, (src, dst, transport)), from_1


def _all_v4(headers: HeaderTable) -> bool:
    """Whether there is no IPv6 address."""
    return not (headers.src_hi.any() or headers.dst_hi.any()) and all(
        lo.min(initial=_V4_MAPPED) >= _V4_MAPPED and lo.max(initial=_V4_MAPPED) <= _LAST_V4_MAPPED
        for lo in (headers.src_lo, headers.dst_lo)
    )


def _source_is_larger(headers: HeaderTable) -> Mask:
    """By address, then by port."""
    larger = headers.src_port > headers.dst_port
    larger = np.where(headers.src_lo == headers.dst_lo, larger, headers.src_lo > headers.dst_lo)
    return np.where(headers.src_hi == headers.dst_hi, larger, headers.src_hi > headers.dst_hi)


def _wide_keys(headers: HeaderTable, from_1: Mask, low: tuple[U64s, U64s, U64s]) -> Keys:
    """All columns of keys."""
    src, dst, transport = low
    src_top, dst_top = headers.src_lo >> _BITS_ABOVE_PORT, headers.dst_lo >> _BITS_ABOVE_PORT
    tops = (np.where(from_1, dst_top, src_top) << _BITS_ABOVE_PORT) | (
        np.where(from_1, src_top, dst_top) << _HALF
    )
    v4 = (headers.src_hi == 0) & ((headers.src_lo >> _HALF) == _V4_MARK)
    v4 &= (headers.dst_hi == 0) & ((headers.dst_lo >> _HALF) == _V4_MARK)
    return Keys(
        (
            np.where(from_1, dst, src),
            np.where(from_1, src, dst) ^ transport,
            np.where(from_1, headers.dst_hi, headers.src_hi),
            np.where(from_1, headers.src_hi, headers.dst_hi),
            np.where(v4, 0, tops | headers.transport).astype(np.uint64),
        )
    )


class Tuples:
    """Distinct keys, numbered as they come (slots). Never forgets one."""

    __slots__ = ("_cells", "_columns", "count")

    def __init__(self) -> None:
        self.count = 0
        self._columns = [np.zeros(0, np.uint64)] * NARROW_COLUMNS
        self._cells = np.full(SMALLEST_TABLE, EMPTY_CELL, np.int32)

    def keys(self) -> Keys:
        """The keys of all slots."""
        return Keys(tuple(column[: self.count] for column in self._columns))

    def endpoints(self, slots: npt.NDArray[np.int32]) -> Endpoints:
        """What the keys of `slots` stand for."""
        low0, low1, *high = (column[slots] for column in self._columns)
        hi0, hi1, tops = high or [np.zeros(slots.shape[0], np.uint64)] * (
            KEY_COLUMNS - NARROW_COLUMNS
        )
        of_v4 = (low1 >> _BITS_ABOVE_PORT) ^ _V4_MARK
        transport = np.where(tops == 0, of_v4, tops).astype(np.uint8)
        low1 ^= transport.astype(np.uint64) << _BITS_ABOVE_PORT
        top1 = (tops << np.uint64(16)) & (np.uint64(0xFFFF) << _BITS_ABOVE_PORT)
        top0 = tops & (np.uint64(0xFFFF) << _BITS_ABOVE_PORT)
        return Endpoints(
            hi=(hi0, hi1),
            lo=((low0 >> _PORT_BITS) | top0, (low1 >> _PORT_BITS) | top1),
            port=(low0.astype(np.uint16), low1.astype(np.uint16)),
            transport=transport,
        )

    def place(self, keys: Keys) -> tuple[npt.NDArray[np.int32], Ints]:
        """The slot of every key, and the rows (unordered) at which a key was first seen."""
        keys = self._alike_in_width(keys)
        self._reserve(keys.rows)
        cells = self._home(keys)
        slots = self._cells[cells]
        rows = np.flatnonzero(~self._hold(slots, keys))
        keys, cells = keys.take(rows), cells[rows]
        fresh = [rows[:0]]
        while rows.size:
            found = self._cells[cells]
            vacant = np.flatnonzero(found == EMPTY_CELL)
            if vacant.size:
                fresh.append(rows[vacant[self._claim(keys, cells, vacant)]])
                found[vacant] = self._cells[cells[vacant]]
            slots[rows] = found
            rest = np.flatnonzero(~self._hold(found, keys))
            rows, keys = rows[rest], keys.take(rest)
            cells = (cells[rest] + 1) & (self._cells.shape[0] - 1)
        return slots, np.concatenate(fresh)

    def _hold(self, slots: npt.NDArray[np.int32], keys: Keys) -> Mask:
        """Whether each of `slots` (or `EMPTY_CELL`) is that of the key beside it."""
        equal: Mask = slots != EMPTY_CELL
        for mine, theirs in zip(self._columns, keys.columns, strict=True):
            equal &= mine[slots] == theirs
        return equal

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
        mixed >>= np.uint64(64 - bits)
        home: Ints = mixed.view(np.int64)
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
        cells = self._home(self.keys())
        while slots.size:
            vacant = np.flatnonzero(self._cells[cells] == EMPTY_CELL)
            self._cells[cells[vacant]] = slots[vacant]
            rest = np.flatnonzero(self._cells[cells] != slots)
            slots, cells = slots[rest], (cells[rest] + 1) & (size - 1)
        return self._cells


def grown(column: npt.NDArray[T], used: int, needed: int) -> npt.NDArray[T]:
    """A copy with room for at least `needed` rows, zeros behind; those pages are not touched."""
    room = max(needed, 2 * column.shape[0])
    larger = np.zeros((room, *column.shape[1:]), column.dtype)
    larger[:used] = column[:used]
    return larger
