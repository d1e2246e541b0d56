"""`Packets`: the packets of a chunk that take part in flows, and which of them begin fragments.

Headers are read here, payload bytes are not. What the fragments captured before have to say is
asked of the table (`flows.table`).
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sniffdiag.decode.headers import TCP_ACK, TCP_SYN, DecodeStatus, HeaderTable
from sniffdiag.flows.tuples import keys_of
from sniffdiag.model import Transport
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from sniffdiag.flows.tuples import Ints, Mask, Tuples

NO_ROW = -1
TagsOf: TypeAlias = "Callable[[Ints], npt.NDArray[np.uint8]]"
"""The tags of rows of a chunk. To look at every segment costs as much as to decode it."""


@dataclass(frozen=True, slots=True)
class Packets:
    """Packets of one chunk, capture order."""

    headers: HeaderTable
    """Their headers: no other rows."""
    tags_of: TagsOf
    frame: Ints
    flags: npt.NDArray[np.uint8]
    """TCP flags, 0 where there is no TCP."""
    slot: npt.NDArray[np.int32]
    """The tuple of each packet."""
    side: Ints
    """Which side sent it."""
    fresh: Ints
    """The first packets of new tuples, unordered."""


def packets_of(
    headers: HeaderTable, tags_of: TagsOf, tuples: Tuples, left_out: Mask | None = None
) -> Packets:
    """The rows whose headers are whole, their tuples placed in `tuples`."""
    usable = headers.status <= DecodeStatus.TRUNCATED
    if left_out is not None:
        usable &= ~left_out
    frame = np.arange(headers.first_frame, headers.first_frame + headers.status.shape[0])
    if not usable.all():
        rows = np.flatnonzero(usable)
        headers, frame, tags_of = only(headers, rows), frame[rows], _through(rows, tags_of)
    keys, from_1 = keys_of(headers)
    slot, fresh = tuples.place(keys)
    return Packets(
        headers=headers,
        tags_of=tags_of,
        frame=frame,
        flags=headers.tcp_flags * (headers.transport == Transport.TCP),
        slot=slot,
        side=from_1.astype(np.int64),
        fresh=fresh,
    )


def _through(rows: Ints, tags_of: TagsOf) -> TagsOf:
    """`tags_of` for those who know only `rows`, by their place in it."""
    return lambda places: tags_of(rows[places])


def only(headers: HeaderTable, rows: Ints) -> HeaderTable:
    """The given rows of every column."""
    columns: dict[str, Any] = {}
    for field in fields(headers):
        value = getattr(headers, field.name)
        columns[field.name] = value[rows] if isinstance(value, np.ndarray) else value
    return HeaderTable(**columns)


def latest_of(copies: Packets, packets: Packets, fragment: Ints, before: Ints) -> Ints:
    """The latest fragment that each of `copies` comes behind in its tuple.

    `packets` are the others of the chunk, each with its `fragment`; `before` has for each copy the
    latest fragment of its tuple when the chunk began.
    """
    at = (packets.slot.astype(np.int64) << 32) | np.arange(packets.slot.shape[0])
    at.sort()
    come_before = np.searchsorted(packets.frame, copies.frame)
    wanted = (copies.slot.astype(np.int64) << 32) | come_before
    place = np.searchsorted(at, wanted) - 1
    here = np.flatnonzero(place >= 0)
    here = here[at[place[here]] >> 32 == copies.slot[here]]
    latest = before.copy()
    latest[here] = fragment[at[place[here]] & 0xFFFF_FFFF]
    return latest


@dataclass(frozen=True, slots=True)
class Syns:
    """The SYNs without ACK of a chunk, and what came before each of them in it."""

    row: Ints
    again: Mask
    """Repeats the SYN before it in its tuple, and its side sent no SYN with ACK since."""
    first: Mask
    """The first SYN of its side, and the first without ACK of its tuple."""


def syns_of(packets: Packets) -> Syns:
    """All SYNs of a chunk with what can be told of them from it."""
    rows = np.flatnonzero(packets.flags & TCP_SYN)
    asks = (packets.flags[rows] & TCP_ACK) == 0
    of_side = previous(packets.slot[rows].astype(np.int64) * 2 + packets.side[rows])[asks]
    asking = rows[asks]
    of_tuple = previous(packets.slot[asking].astype(np.int64))
    seq = packets.headers.seq[asking]
    # The latest SYN of the tuple is that of the side, too, among which SYNs with ACK are.
    same = (of_tuple != NO_ROW) & (of_side != NO_ROW) & (rows[of_side] == asking[of_tuple])
    return Syns(
        row=asking,
        again=same & (seq == seq[of_tuple]),
        first=(of_tuple == NO_ROW) & (of_side == NO_ROW),
    )


def previous(groups: Ints) -> Ints:
    """For every row the row before it in its group, `NO_ROW` for the first."""
    order = grouped(groups)
    before = np.full(groups.shape[0], NO_ROW)
    follows = np.flatnonzero(groups[order[1:]] == groups[order[:-1]])
    before[order[follows + 1]] = order[follows]
    return before


def grouped(groups: Ints) -> Ints:
    """The rows in order of their groups (below 2^31), and in order of rows within each.

    As a stable argsort, but five times as fast: numpy sorts plain numbers with SIMD.
    """
    return np.sort((groups << 32) | np.arange(groups.shape[0])) & 0xFFFF_FFFF
