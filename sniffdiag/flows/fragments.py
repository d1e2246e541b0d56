"""`Fragments`: what is added up about runs of packets, as columns that merge.

A fragment is a run, in capture order, of packets of one tuple that begins with a SYN without ACK,
or with the tuple's first packet. Flows are made of whole fragments, so which SYNs begin a new flow
can wait until a table is sealed (law 4). A SYN that repeats the one that began its fragment begins
none: nothing captured before could make it begin a flow (`repeats`). Every column is a monoid
(law 3): it is added, united, kept from the earlier fragment or taken from the later one.

Side 0 is the smaller endpoint, side 1 the larger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.tuples import grown
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sniffdiag.flows.tuples import Ints, Mask

Column: TypeAlias = npt.NDArray[Any]

SIDES = 2
_SCALAR = ()
_PER_SIDE = (SIDES,)
_FRAME = np.uint32
LAST_NARROW_FRAME = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Shape:
    """Type of a column and its shape for one fragment."""

    dtype: type[np.generic]
    per_fragment: tuple[int, ...] = _SCALAR


KEPT: Mapping[str, Shape] = {
    "slot": Shape(np.int32),  # of its tuple
    "begun_by_syn": Shape(np.bool_),
    "first_side": Shape(np.uint8),
    "first_frame": Shape(_FRAME),
    "first_ts_ns": Shape(np.int64),
    "interface": Shape(np.int32),
    "encapsulation": Shape(np.uint8),
}
"""Facts about the first packet: the earlier fragment's stay."""

TAKEN: Mapping[str, Shape] = {
    "last_frame": Shape(_FRAME),
    "last_ts_ns": Shape(np.int64),
}
"""Facts about the last packet: the later fragment's stay."""

ADDED: Mapping[str, Shape] = {
    "packets": Shape(np.uint32, _PER_SIDE),
    "bytes": Shape(np.int64, _PER_SIDE),
    "payload_bytes": Shape(np.int64, _PER_SIDE),
    "captured_bytes": Shape(np.int64, _PER_SIDE),
    "segments": Shape(np.uint32, _PER_SIDE),
    "cut_segments": Shape(np.uint32, _PER_SIDE),
    "copies": Shape(np.uint32),
}

UNITED: Mapping[str, Shape] = {
    "flags_seen": Shape(np.uint8, _PER_SIDE),
}

FIRST: Mapping[str, Mapping[str, Shape]] = {
    "syn_frame": {
        "syn_frame": Shape(_FRAME),
        "syn_ts_ns": Shape(np.int64),
        "syn_side": Shape(np.uint8),
        "syn_seq": Shape(np.uint32),
    },
    "syn_ack_known": {
        "syn_ack_known": Shape(np.bool_),
        "syn_ack_ts_ns": Shape(np.int64),
        "syn_ack_side": Shape(np.uint8),
        "syn_ack_ack": Shape(np.uint32),
    },
    "rst_frame": {"rst_frame": Shape(_FRAME)},
    "isn_known": {
        "isn_known": Shape(np.bool_, _PER_SIDE),
        "isn": Shape(np.uint32, _PER_SIDE),
    },
    "base_known": {
        "base_known": Shape(np.bool_, _PER_SIDE),
        "base": Shape(np.uint32, _PER_SIDE),
    },
    "first_payload_frame": {
        "first_payload_frame": Shape(_FRAME, _PER_SIDE),
        "first_payload_ts_ns": Shape(np.int64, _PER_SIDE),
    },
    "first_tag": {"first_tag": Shape(np.uint8, _PER_SIDE)},
}
"""First packet of a kind: a column that is 0 until it came, and facts about it.

`isn` is the sequence number of a side's first SYN; `base` is Wireshark's base_seq, known from the
first packet of the side or, less one, from the first acknowledgement of its peer (packet-tcp.c).
"""

LATEST: Mapping[str, Mapping[str, Shape]] = {
    "rebased": {
        "rebased": Shape(np.bool_, _PER_SIDE),
        "new_base": Shape(np.uint32, _PER_SIDE),
    },
    "last_payload_frame": {
        "last_payload_frame": Shape(_FRAME, _PER_SIDE),
        "last_payload_ts_ns": Shape(np.int64, _PER_SIDE),
    },
}
"""The same for the last packet of a kind.

Each SYN with ACK gives its side a new base_seq (packet-tcp.c, "issue 16944").
"""

SHAPES: Mapping[str, Shape] = {
    **KEPT,
    **TAKEN,
    **ADDED,
    **UNITED,
    **{name: shape for facts in FIRST.values() for name, shape in facts.items()},
    **{name: shape for facts in LATEST.values() for name, shape in facts.items()},
}
FRAME_COLUMNS = tuple(name for name in SHAPES if name.endswith("_frame"))


class Fragments:
    """Columns by name, one row a fragment, ordered by first frame."""

    __slots__ = ("_columns", "rows")

    def __init__(self, columns: dict[str, Column] | None = None) -> None:
        self._columns = columns or _no_columns()
        self.rows = int(self._columns["slot"].shape[0])

    def __getitem__(self, name: str) -> Column:
        return self._columns[name][: self.rows]

    def by_side(self, name: str) -> Column:
        """A column of both sides without its second dimension: `fragment * 2 + side`."""
        return self[name].reshape(-1)

    def given(self, name: str) -> Column:
        """A column for the taker to change: a copy."""
        return self[name].copy()

    def moved(self) -> LastFragments:
        """The same fragments; none are left here."""
        last = LastFragments(self._columns)
        last.rows = self.rows
        self._columns, self.rows = _no_columns(), 0
        return last

    def take(self, rows: Column, names: Iterable[str] = SHAPES) -> Fragments:
        """A copy of `rows` (indices or a mask), of all columns or of some, "slot" among them."""
        return Fragments({name: self[name][rows] for name in names})

    def shift_frames(self, name: str, by: int) -> None:
        """Add `by` to the frame numbers of a column; 0 goes on meaning "none"."""
        self.extend(0, int(self["last_frame"].max(initial=0)) + by)
        column = self[name]
        column[column != 0] += column.dtype.type(by)

    def extend(self, rows: int, last_frame: int) -> None:
        """Add rows of zeros at the end; frames up to `last_frame` are to come."""
        if self.rows + rows > self._columns["slot"].shape[0]:
            for name, column in self._columns.items():
                self._columns[name] = grown(column, self.rows, self.rows + rows)
        if last_frame > LAST_NARROW_FRAME and self._columns["last_frame"].dtype == _FRAME:
            for name in FRAME_COLUMNS:
                self._columns[name] = self._columns[name].astype(np.int64)
        self.rows += rows

    def append(self, other: Fragments, rows: Ints) -> None:
        """Add `rows` of `other` at the end."""
        before = self.rows
        self.extend(rows.shape[0], int(other["last_frame"].max(initial=0)))
        for name in SHAPES:
            self[name][before:] = other[name][rows]

    def combine(self, at: Ints, other: Fragments, rows: Ints) -> None:
        """Let `rows` of `other` follow the fragments `at`; no index twice in `at`."""
        self.extend(0, int(other["last_frame"].max(initial=0)))
        for name in TAKEN:
            self[name][at] = other[name][rows]
        for name in ADDED:
            self[name][at] += other[name][rows]
        for name in UNITED:
            self[name][at] |= other[name][rows]
        for name, facts in FIRST.items():
            self._hear((other[name][rows] != 0) & (self[name][at] == 0), facts, (at, other, rows))
        for name, facts in LATEST.items():
            self._hear(other[name][rows] != 0, facts, (at, other, rows))

    def _hear(
        self, news: Mask, facts: Mapping[str, Shape], told: tuple[Ints, Fragments, Ints]
    ) -> None:
        """Copy facts where there are `news`, by row or by row and side."""
        at, other, rows = told
        where = np.nonzero(news)
        to, source = (at[where[0]], *where[1:]), (rows[where[0]], *where[1:])
        for name in facts:
            self[name][to] = other[name][source]

    def repeats(self, at: Ints, side: Column, seq: Column) -> Mask:
        """Whether a SYN of `side` with `seq` now would be one more of those that began `at`.

        Then its side's base_seq is its own number whatever came before the fragment, so that it
        begins no flow.
        """
        again: Mask = self["begun_by_syn"][at] & (self["syn_side"][at] == side)
        again &= (self["syn_seq"][at] == seq) & ~self["rebased"][at, side]
        return again


def _no_columns() -> dict[str, Column]:
    """All columns without a row."""
    return {name: np.zeros((0, *shape.per_fragment), shape.dtype) for name, shape in SHAPES.items()}


class LastFragments(Fragments):
    """Fragments that nobody asks for again: each column is given away once."""

    __slots__ = ()

    def given(self, name: str) -> Column:
        """The column itself."""
        return self._columns.pop(name)[: self.rows]
