"""`HeaderTables`: gRPC statuses of header blocks that only refer to earlier ones (RFC 7541).

A block refers to an entry by how many were added since. So nothing need be known of a dynamic table
but how many entries each block adds, and which of them are gRPC statuses, as long as no block is
missed: segments that begin with frames are linked if each begins where the last frame of the one
before it ends. Linked segments are a run. Behind a gap, a cut segment or one that was sent again a
new run begins, whose blocks cannot be followed farther back.

The first run of a table may go on with the last one of an earlier table. What its blocks refer to
beyond its beginning is `pending` until then (law 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sniffdiag.flows.chunk import grouped
from sniffdiag.flows.tuples import grown
from sniffdiag.nominate.messages import GRPC_UNTOLD, NOT_ADDED, UNSOUND
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    import numpy.typing as npt

    from sniffdiag.flows.tuples import Ints, Mask
    from sniffdiag.nominate.messages import Http2Messages

    Octets = npt.NDArray[np.uint8]

_NOTHING, _FROM_START, _FROM_HERE = 0, 1, 2
"""No segment so far; its run began with the table; its run began later."""
_SPELT_OUT = -(1 << 40)
_KEPT = 128
"""Latest entries among which references are looked for (`header_blocks.FARTHEST`)."""
_STATE = ("state", "first", "end", "sound", "total")


@dataclass(frozen=True, slots=True)
class Told:
    """gRPC statuses of some blocks: `GRPC_UNTOLD` where there is none."""

    value: Octets
    pending: Octets
    """How long before the table's first block an entry was added that settles it; 0 if settled.
    Without a value it may be that entry's; a value counts if the entry has the right name."""


@dataclass(frozen=True, slots=True)
class _Entries:
    """Entries that are, or may be, gRPC statuses; ascending keys."""

    key: Ints
    """Run, and how many entries were added in it before."""
    value: Octets
    pending: Octets
    """As in `Told`: what settles its name."""

    @classmethod
    def of(cls, key: Ints, value: Octets, pending: Octets) -> _Entries:
        order = np.argsort(key, kind="stable")
        return cls(key[order], value[order], pending[order])

    def take(self, rows: Ints | Mask) -> _Entries:
        return _Entries(self.key[rows], self.value[rows], self.pending[rows])

    def find(self, key: Ints) -> tuple[Ints, Mask]:
        """The row of each key, and whether there is one."""
        if not self.key.size:
            return np.zeros(key.shape, np.int64), np.zeros(key.shape, np.bool_)
        at = np.minimum(np.searchsorted(self.key, key), self.key.shape[0] - 1)
        return at, self.key[at] == key

    def and_(self, other: _Entries) -> _Entries:
        return _Entries.of(
            np.concatenate([self.key, other.key]),
            np.concatenate([self.value, other.value]),
            np.concatenate([self.pending, other.pending]),
        )


_NONE = _Entries(np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros(0, np.uint8))


def _settled(
    entries: _Entries, runs: Ints, number: Ints, told: Told, is_open: Mask
) -> tuple[Told, Mask]:
    """What references to entry `number` of each run say; `told.value` as in `Told`.

    Negative numbers are before the run: pending where it `is_open` towards the past. Returns which
    of them may be a gRPC status, too.
    """
    at, found = entries.find((runs << 32) | np.maximum(number, 0))
    found &= number >= 0
    before = (number < 0) & is_open
    value, pending = told.value.copy(), np.zeros(number.shape, np.uint8)
    if entries.key.size:
        pending[found] = entries.pending[at[found]]
        of_entry = found & (value == GRPC_UNTOLD)
        value[of_entry] = entries.value[at[of_entry]]
    pending[before] = -number[before]
    may_be = found | before
    value[~may_be] = GRPC_UNTOLD
    return Told(value, pending), may_be


class HeaderTables:
    """By side of fragments (`fragment * 2 + side`) the run that goes on."""

    __slots__ = ("_entries", "end", "first", "sound", "state", "total")

    def __init__(self) -> None:
        self.state = np.zeros(0, np.uint8)
        self.first = np.zeros(0, np.uint32)
        """Sequence number of the first segment,"""
        self.end = np.zeros(0, np.uint32)
        """and of the frame that comes behind the last one;"""
        self.sound = np.zeros(0, np.bool_)
        """whether that is known."""
        self.total = np.zeros(0, np.int64)
        """Entries added in the run."""
        self._entries = _NONE
        """Runs are numbered as their sides are."""

    def _reserve(self, owners: int) -> None:
        used = self.state.shape[0]
        if owners > used:
            for name in _STATE:
                setattr(self, name, grown(getattr(self, name), used, owners))

    def hear(self, owner: Ints, begin: npt.NDArray[np.uint32], found: Http2Messages) -> Told:
        """Go on with segments that begin with frames, in capture order, and what is in them.

        `owner` is negative for segments that do not begin so; nothing is told of their blocks but
        what they spell out.
        """
        plain = np.where(found.ref == 0, found.grpc_status, GRPC_UNTOLD).astype(np.uint8)
        told = Told(plain, np.zeros(plain.shape, np.uint8))
        rows = np.flatnonzero(owner >= 0)
        if not rows.size:
            return told
        self._reserve(int(owner.max()) + 1)
        rows = rows[grouped(owner[rows])]
        runs = _Runs(self, owner[rows], begin[rows], found.behind[rows])
        place = np.full(owner.shape, -1)
        place[rows] = np.arange(rows.shape[0])
        of = place[found.segment]
        inserts = np.bincount(of[of >= 0], found.inserts[of >= 0], rows.shape[0]).astype(np.int64)
        start, total = runs.counted(inserts)
        before = start[np.maximum(of, 0)] + _before(found.segment, found.inserts)
        usable = (of >= 0) & runs.is_sound[np.maximum(of, 0)]
        run, is_open = runs.run[np.maximum(of, 0)], runs.is_open[np.maximum(of, 0)]
        entries = runs.carried(self._entries)
        adds = np.flatnonzero(usable & (found.place != NOT_ADDED))
        named = np.where(found.ref[adds] > 0, before[adds] - found.ref[adds], _SPELT_OUT)
        numbers = before[adds] + found.place[adds]
        fresh = _Entries((run[adds] << 32) | numbers, found.grpc_status[adds], found.ref[adds])
        entries = _with_added(entries, fresh, named, is_open[adds])
        asks = np.flatnonzero(usable & (found.ref > 0))
        answer, _ = _settled(
            entries,
            run[asks],
            before[asks] - found.ref[asks],
            Told(found.grpc_status[asks], found.ref[asks]),
            is_open[asks],
        )
        told.value[asks], told.pending[asks] = answer.value, answer.pending
        self._go_on(runs, total, entries)
        return told

    def _go_on(self, runs: _Runs, total: Ints, entries: _Entries) -> None:
        last = runs.last
        here = runs.owner[last]
        kept = self._entries.take(~_among(self._entries.key >> 32, here, self.state.shape[0]))
        is_fresh = self.state[here] == _NOTHING
        self.first[here[is_fresh]] = runs.begin[runs.first[is_fresh]]
        self.state[here] = np.where(runs.is_open[last], _FROM_START, _FROM_HERE)
        self.end[here] = runs.end[last]
        self.sound[here] = runs.is_sound[last]
        self.total[here] = total[last]
        number = entries.key & 0xFFFF_FFFF
        owner_of = np.full(runs.owner.shape, -1)
        owner_of[runs.run[last]] = here
        owner = owner_of[entries.key >> 32]
        stays = owner >= 0
        stays &= number >= self.total[np.maximum(owner, 0)] - _KEPT
        moved = entries.take(stays)
        key = (owner[stays] << 32) | number[stays]
        self._entries = kept.and_(_Entries(key, moved.value, moved.pending))

    def follow(self, later: HeaderTables, target: Ints, asked: tuple[Ints, Told]) -> Told:
        """Go on with what a later table knows, whose side `i` is `target[i]` here.

        `asked`: sides of theirs and what is pending of them; returns what becomes of it.
        """
        later._reserve(target.shape[0])
        self._reserve(int(target.max(initial=-1)) + 1)
        owner, told = asked
        told = Told(told.value.copy(), told.pending.copy())
        left = np.flatnonzero(later.state[: target.shape[0]] != _NOTHING)
        while left.size:  # two of theirs may be one here
            order = grouped(target[left])
            is_first = np.diff(target[left[order]], prepend=-1) != 0
            rows = left[order[is_first]]
            mine = _among(owner, rows, target.shape[0]) & (told.pending > 0)
            found = self._asked(later, target, owner[mine], told.value[mine], told.pending[mine])
            told.value[mine], told.pending[mine] = found.value, found.pending
            self._take(later, rows, target)
            left = np.sort(left[order[~is_first]])
        return told

    def _is_linked(self, later: HeaderTables, rows: Ints, here: Ints) -> Mask:
        linked: Mask = self.sound[here] & (self.state[here] != _NOTHING)
        linked &= self.end[here] == later.first[rows]
        return linked

    def _asked(
        self, later: HeaderTables, target: Ints, owner: Ints, value: Octets, pending: Octets
    ) -> Told:
        """What becomes of something pending in a later table; it waits if nothing came before."""
        here = target[owner]
        linked = self._is_linked(later, owner, here)
        number = self.total[here] - pending
        is_open = linked & (self.state[here] == _FROM_START)
        run = np.where(linked, here, self.state.shape[0])
        found, _ = _settled(self._entries, run, number, Told(value, pending), is_open)
        nothing = self.state[here] == _NOTHING
        return Told(
            np.where(nothing, value, found.value), np.where(nothing, pending, found.pending)
        )

    def _take(self, later: HeaderTables, rows: Ints, target: Ints) -> None:
        """Let the runs of a later table's `rows` follow."""
        here = target[rows]
        goes_on = (later.state[rows] == _FROM_START) & self._is_linked(later, rows, here)
        nothing = self.state[here] == _NOTHING
        theirs = later._entries.take(_among(later._entries.key >> 32, rows, target.shape[0]))
        owner = theirs.key >> 32
        waits = theirs.pending > 0
        settled = self._asked(
            later, target, owner[waits], theirs.value[waits], theirs.pending[waits]
        )
        theirs.value[waits], theirs.pending[waits] = settled.value, settled.pending
        base = np.zeros(target.shape[0], np.int64)
        base[rows[goes_on]] = self.total[here[goes_on]]
        number = (theirs.key & 0xFFFF_FFFF) + base[owner]
        key = (target[owner] << 32) | number
        theirs = _Entries(key, theirs.value, theirs.pending)
        theirs = theirs.take(theirs.value != GRPC_UNTOLD)
        ends = here[~goes_on]
        mine = self._entries.take(~_among(self._entries.key >> 32, ends, self.state.shape[0]))
        self.first[here[nothing]] = later.first[rows[nothing]]
        fresh = np.where(nothing, later.state[rows], _FROM_HERE)
        self.state[here] = np.where(goes_on, self.state[here], fresh)
        self.end[here] = later.end[rows]
        self.sound[here] = later.sound[rows]
        self.total[here] = later.total[rows] + base[rows]
        both = mine.and_(theirs)
        late = (both.key & 0xFFFF_FFFF) >= self.total[both.key >> 32] - _KEPT
        self._entries = both.take(late)

    def part(self, target: Ints) -> HeaderTables:
        """A copy of what is known of sides with a new number in `target`, not -1."""
        copy = HeaderTables()
        copy._reserve(int(target.max(initial=-1)) + 1)
        self._reserve(target.shape[0])
        stays = np.flatnonzero(target >= 0)
        for name in _STATE:
            getattr(copy, name)[target[stays]] = getattr(self, name)[stays]
        owner = self._entries.key >> 32
        mine = self._entries.take(target[owner] >= 0)
        key = (target[mine.key >> 32] << 32) | (mine.key & 0xFFFF_FFFF)
        copy._entries = _Entries.of(key, mine.value, mine.pending)
        return copy


def _with_added(entries: _Entries, fresh: _Entries, named: Ints, is_open: Mask) -> _Entries:
    """`entries` and those of `fresh` whose names may be `grpc-status`.

    `named`: the number of the entry of the same run that has the name; it may be fresh, too.
    """
    if not fresh.key.size:
        return entries
    key = np.concatenate([entries.key, fresh.key])
    order = np.argsort(key, kind="stable")
    every = _Entries.of(
        key,
        *(
            np.concatenate(c)
            for c in zip(
                (entries.value, entries.pending), (fresh.value, fresh.pending), strict=True
            )
        ),
    )
    at = np.empty_like(order)
    at[order] = np.arange(order.shape[0])
    mine = at[entries.key.shape[0] :]
    parent = np.arange(order.shape[0])
    is_good = np.ones(order.shape[0], np.bool_)
    every.pending[mine[named == _SPELT_OUT]] = 0
    before = (named < 0) & (named != _SPELT_OUT)
    every.pending[mine[before]] = -named[before]
    is_good[mine[before]] = is_open[before]
    refers = np.flatnonzero(named >= 0)
    row, found = every.find((fresh.key[refers] >> 32 << 32) | named[refers])
    parent[mine[refers[found]]] = row[found]
    is_good[mine[refers[~found]]] = False
    while True:  # a name may be an entry's whose name is another's
        further = parent[parent]
        if (further == parent).all():
            break
        parent = further
    good = is_good[parent]
    return _Entries(every.key, every.value, every.pending[parent]).take(good)


def _before(groups: Ints, values: Octets) -> Ints:
    """Sum of the values before each row within its group; equal groups are adjacent."""
    total = np.cumsum(values, dtype=np.int64) - values
    first = np.diff(groups, prepend=-1) != 0
    return total - np.maximum.accumulate(np.where(first, total, 0))


def _among(values: Ints, wanted: Ints, size: int) -> Mask:
    """Which of `values`, below `size`, are `wanted`."""
    mask = np.zeros(size, np.bool_)
    mask[wanted] = True
    found: Mask = mask[values]
    return found


class _Runs:
    """Runs of a chunk's segments. All columns have a row for each segment, ordered by owner."""

    __slots__ = (
        "_carried",
        "_goes_on",
        "begin",
        "end",
        "first",
        "is_open",
        "is_sound",
        "last",
        "owner",
        "run",
    )

    def __init__(
        self, tables: HeaderTables, owner: Ints, begin: npt.NDArray[np.uint32], behind: Ints
    ) -> None:
        self.owner = owner
        self.begin = begin
        self.is_sound = behind != UNSOUND
        self.end = (begin + behind.astype(np.uint32)).astype(np.uint32)
        is_first = np.diff(owner, prepend=-1) != 0
        self.first = np.flatnonzero(is_first)
        self.last = np.flatnonzero(np.diff(owner, append=-1) != 0)
        state = tables.state[owner]
        linked = np.zeros(owner.shape, np.bool_)
        linked[1:] = self.is_sound[:-1] & (self.begin[1:] == self.end[:-1])
        carried = (state == _NOTHING) | (tables.sound[owner] & (tables.end[owner] == begin))
        begins = np.where(is_first, ~carried, ~linked)
        place = np.arange(owner.shape[0])
        self.run = np.maximum.accumulate(np.where(is_first | begins, place, 0))
        """The first row of each row's run, of those in this chunk."""
        self._goes_on = (is_first & carried)[self.run]
        self.is_open = self._goes_on & (state != _FROM_HERE)
        """It may go on with an earlier table's."""
        self._carried = np.where(self._goes_on, tables.total[owner], 0)
        """Entries added in the run before this chunk."""

    def counted(self, inserts: Ints) -> tuple[Ints, Ints]:
        """Entries added in each row's run before it, and with it."""
        so_far = np.cumsum(inserts)
        before = so_far - inserts
        start = before - before[self.run] + self._carried
        return start, start + inserts

    def carried(self, entries: _Entries) -> _Entries:
        """Entries of runs that go on here, by the numbers that these have here."""
        run_of = np.full(int(self.owner[-1]) + 1, -1)
        goes_on = self.first[self._goes_on[self.first]]
        run_of[self.owner[goes_on]] = goes_on
        owner = entries.key >> 32
        known = owner < run_of.shape[0]
        run = np.where(known, run_of[np.where(known, owner, 0)], -1)
        mine = entries.take(run >= 0)
        key = (run[run >= 0] << 32) | (mine.key & 0xFFFF_FFFF)
        return _Entries.of(key, mine.value, mine.pending)
