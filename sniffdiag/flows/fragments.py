"""`Fragments`: what is added up about runs of packets, as columns that merge.

A fragment is a maximal run, in capture order, of packets of one tuple that begins with a SYN
without ACK, or with the tuple's first packet. Flows are made of whole fragments, so which SYNs
begin a new flow can wait until a table is sealed (law 4). Every column is a monoid (law 3): it is
added, united, kept from the earlier fragment or taken from the later one.

Side 0 is the smaller endpoint, side 1 the larger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.tuples import grown
from sniffdiag.nominate.tags import TAGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sniffdiag.flows.tuples import Ints

Column: TypeAlias = npt.NDArray[Any]

SIDES = 2
_SCALAR = ()
_PER_SIDE = (SIDES,)
_PER_TAG = (SIDES * TAGS,)
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
}

UNITED: Mapping[str, Shape] = {
    "flags_seen": Shape(np.uint8, _PER_SIDE),
}

EVENTS: Mapping[str, Mapping[str, Shape]] = {
    "syn_frame": {
        "syn_frame": Shape(_FRAME),
        "syn_ts_ns": Shape(np.int64),
        "syn_side": Shape(np.uint8),
        "syn_seq": Shape(np.uint32),
    },
    "syn_ack_frame": {
        "syn_ack_frame": Shape(_FRAME),
        "syn_ack_ts_ns": Shape(np.int64),
        "syn_ack_side": Shape(np.uint8),
        "syn_ack_ack": Shape(np.uint32),
    },
    "rst_frame": {"rst_frame": Shape(_FRAME)},
    "isn_frame": {
        "isn_frame": Shape(_FRAME, _PER_SIDE),
        "isn": Shape(np.uint32, _PER_SIDE),
    },
    "base_frame": {
        "base_frame": Shape(_FRAME, _PER_SIDE),
        "base": Shape(np.uint32, _PER_SIDE),
    },
    "first_payload_frame": {
        "first_payload_frame": Shape(_FRAME, _PER_SIDE),
        "first_payload_ts_ns": Shape(np.int64, _PER_SIDE),
    },
    "tag_frame": {"tag_frame": Shape(_FRAME, _PER_TAG)},
}
"""First packet of a kind: its frame (0: none yet) and facts about it. The earlier one stays.

`isn` is the sequence number of a side's first SYN; `base` is Wireshark's base_seq, known from the
first packet of the side or, less one, from the first acknowledgement of its peer (packet-tcp.c).
"""

TALLIED: Mapping[str, Shape] = {"tag_counts": Shape(np.uint32, _PER_TAG)}
"""Added up like `ADDED`, but nearly all of it is 0."""

SHAPES: Mapping[str, Shape] = {
    **KEPT,
    **TAKEN,
    **ADDED,
    **UNITED,
    **TALLIED,
    **{name: shape for event in EVENTS.values() for name, shape in event.items()},
}
FRAME_COLUMNS = tuple(name for name in SHAPES if name.endswith("_frame"))


class Fragments:
    """Columns by name, one row a fragment, ordered by first frame."""

    __slots__ = ("_columns", "rows")

    def __init__(self, columns: dict[str, Column] | None = None) -> None:
        self._columns = columns or {
            name: np.zeros((0, *shape.per_fragment), shape.dtype) for name, shape in SHAPES.items()
        }
        self.rows = int(self._columns["slot"].shape[0])

    def __getitem__(self, name: str) -> Column:
        return self._columns[name][: self.rows]

    def take(self, rows: Column) -> Fragments:
        """A copy of `rows` (indices or a mask)."""
        return Fragments({name: self[name][rows] for name in SHAPES})

    def shift_frames(self, name: str, by: int) -> None:
        """Add `by` to the frame numbers of a column; 0 goes on meaning "none"."""
        self._reserve(self.rows, int(self["last_frame"].max(initial=0)) + by)
        column = self[name]
        column[column != 0] += column.dtype.type(by)

    def append(self, other: Fragments, rows: Ints) -> None:
        """Add `rows` of `other` at the end."""
        before = self.rows
        self._reserve(before + rows.shape[0], int(other["last_frame"].max(initial=0)))
        self.rows += rows.shape[0]
        for name in SHAPES:
            self[name][before:] = other[name][rows]

    def combine(self, at: Ints, other: Fragments, rows: Ints) -> None:
        """Let `rows` of `other` follow the fragments `at`; no index twice in `at`."""
        self._reserve(self.rows, int(other["last_frame"].max(initial=0)))
        for name in TAKEN:
            self[name][at] = other[name][rows]
        to, source = _both_sides(at), _both_sides(rows)
        for name in ADDED:
            mine = self[name].reshape(-1)
            mine[to] = mine[to] + other[name].reshape(-1)[source]
        for name in UNITED:
            mine = self[name].reshape(-1)
            mine[to] = mine[to] | other[name].reshape(-1)[source]
        place = np.full(other.rows, -1)
        place[rows] = at
        for name, facts in EVENTS.items():
            self._hear(name, tuple(facts), (other, place))
        for name in TALLIED:
            to, source = _present(other[name], place)
            mine = self[name].reshape(-1)
            mine[to] = mine[to] + other[name].reshape(-1)[source]

    def _hear(self, frame: str, facts: tuple[str, ...], told: tuple[Fragments, Ints]) -> None:
        """Copy what is told of an event to fragments that have not seen one."""
        other, place = told
        to, source = _present(other[frame], place)
        news = np.flatnonzero(self[frame].reshape(-1)[to] == 0)
        if news.size:
            to, source = to[news], source[news]
            for name in facts:
                self[name].reshape(-1)[to] = other[name].reshape(-1)[source]

    def _reserve(self, rows: int, last_frame: int) -> None:
        """Make room for `rows` rows, and for frame numbers beyond 32 bits when they come."""
        if rows > self._columns["slot"].shape[0]:
            for name, column in self._columns.items():
                self._columns[name] = grown(column, self.rows, rows)
        if last_frame > LAST_NARROW_FRAME and self._columns["last_frame"].dtype == _FRAME:
            for name in FRAME_COLUMNS:
                self._columns[name] = self._columns[name].astype(np.int64)


def _both_sides(rows: Ints) -> Ints:
    """Where the values of both sides of `rows` lie in a column without its second dimension."""
    return np.repeat(rows * SIDES, SIDES) + np.tile(np.arange(SIDES), rows.shape[0])


def _present(column: Column, place: Ints) -> tuple[Ints, Ints]:
    """Where the few values of a column go that are not 0, and where they are: both flat."""
    width = column.size // max(column.shape[0], 1)
    source = np.flatnonzero(column)
    if width > 1:
        row, within = np.divmod(source, width)
    else:
        row, within = source, np.zeros_like(source)
    goes = np.flatnonzero(place[row] >= 0)
    return place[row[goes]] * width + within[goes], source[goes]
