"""What the packets of a chunk add to the fragments that they belong to.

Only sums touch every packet. Facts about first packets are looked for where they are not yet known,
so that long flows cost one look at a column. Tags are counted, payload bytes are not looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sniffdiag.decode.headers import TCP_ACK, TCP_RST, TCP_SYN
from sniffdiag.flows.chunk import grouped
from sniffdiag.flows.fragments import SIDES
from sniffdiag.nominate.tags import Tag

if TYPE_CHECKING:
    from sniffdiag.flows.chunk import Packets
    from sniffdiag.flows.fragments import Column, Fragments
    from sniffdiag.flows.tuples import Ints

_BOTH_SIDES_KNOWN = np.uint16(0x0101)
_ONE = np.uint32(1)


def account(fragments: Fragments, packets: Packets, fragment: Ints, owner: Ints) -> None:
    """Add packets; `fragment` and `owner` (`fragment * 2 + side`) of each of them."""
    # Of equal indices the last assignment stays, here and wherever a first one is wanted below.
    fragments["last_frame"][fragment] = packets.frame
    fragments["last_ts_ns"][fragment] = packets.headers.ts_ns
    _add(fragments, packets, owner)
    _unite_flags(fragments.by_side("flags_seen"), owner, packets.flags)
    _hear_bases(fragments, packets, fragment, owner)
    _hear_payload(fragments, packets, owner)
    rows = np.flatnonzero(packets.flags & TCP_SYN)
    if rows.size:
        _hear_handshakes(fragments, packets, (rows, fragment[rows], owner[rows]))
    rows = np.flatnonzero(packets.flags & TCP_RST)
    if rows.size:
        rows = rows[fragments["rst_frame"][fragment[rows]] == 0]
        _tell_first(fragments["rst_frame"], fragment[rows], packets.frame[rows])


def _add(fragments: Fragments, packets: Packets, owner: Ints) -> None:
    """Packets and bytes by side, and the last segment of each."""
    headers = packets.headers
    np.add.at(fragments.by_side("packets"), owner, _ONE)
    np.add.at(fragments.by_side("bytes"), owner, headers.wirelen)
    rows = np.flatnonzero(headers.payload_wirelen)
    of_payload, wire = owner[rows], headers.payload_wirelen[rows].astype(np.int64)
    captured = headers.payload_len[rows].astype(np.int64)
    fragments.by_side("last_payload_frame")[of_payload] = packets.frame[rows]
    fragments.by_side("last_payload_ts_ns")[of_payload] = headers.ts_ns[rows]
    np.add.at(fragments.by_side("segments"), of_payload, _ONE)
    np.add.at(fragments.by_side("payload_bytes"), of_payload, wire)
    np.add.at(fragments.by_side("captured_bytes"), of_payload, captured)
    cut = of_payload[captured < wire]
    np.add.at(fragments.by_side("cut_segments"), cut, _ONE)


def _unite_flags(seen: Column, owner: Ints, flags: Column) -> None:
    """Add flags that were not seen yet; there are few values, and few news of each."""
    rows = np.flatnonzero(flags & ~seen[owner])
    values = flags[rows]
    for value in np.flatnonzero(np.bincount(values)).tolist():
        seen[owner[rows[values == value]]] |= np.uint8(value)


def _hear_payload(fragments: Fragments, packets: Packets, owner: Ints) -> None:
    """The first segment of each side, and the tag of its first with captured payload."""
    frames = fragments.by_side("first_payload_frame")
    rows = np.flatnonzero((packets.headers.payload_wirelen != 0) & (frames[owner] == 0))
    if rows.size:
        _tell_first(frames, owner[rows], packets.frame[rows])
        times = fragments.by_side("first_payload_ts_ns")
        _tell_first(times, owner[rows], packets.headers.ts_ns[rows])
    tags = fragments.by_side("first_tag")
    rows = np.flatnonzero((packets.headers.payload_len != 0) & (tags[owner] == Tag.EMPTY))
    if rows.size:
        firsts = _firsts(rows, owner[rows])
        tags[owner[firsts]] = packets.tags_of(firsts)


def _hear_bases(fragments: Fragments, packets: Packets, fragment: Ints, owner: Ints) -> None:
    """base_seq of each side: from its first packet or its peer's first ACK, the earlier of both."""
    known = fragments.by_side("base_known")
    rows = np.flatnonzero(known.view(np.uint16)[fragment] != _BOTH_SIDES_KNOWN)
    if not rows.size:
        return
    headers, flags, own = packets.headers, packets.flags[rows], owner[rows]
    tells = np.stack([np.ones(rows.shape[0], np.bool_), (flags & TCP_ACK) != 0], axis=1)
    of = np.stack([own, own ^ 1], axis=1)
    by_own, by_peer = headers.seq[rows] - ((flags & TCP_SYN) == 0), headers.ack[rows] - _ONE
    base = np.stack([by_own, by_peer], axis=1)
    news = np.flatnonzero(tells & ~known[of])
    of, base = of.reshape(-1)[news], base.reshape(-1)[news]
    _tell_first(fragments.by_side("base"), of, base)
    known[of] = True


def _hear_handshakes(fragments: Fragments, packets: Packets, told: tuple[Ints, Ints, Ints]) -> None:
    """First SYN, first and last SYN with ACK, and the initial sequence number of each side.

    `told`: rows with SYN, their fragments and owners.
    """
    rows, fragment, owner = told
    headers = packets.headers
    known = fragments.by_side("isn_known")
    news = ~known[owner]
    _tell_first(fragments.by_side("isn"), owner[news], headers.seq[rows[news]])
    known[owner[news]] = True
    acked = (packets.flags[rows] & TCP_ACK) != 0
    fragments.by_side("new_base")[owner[acked]] = headers.seq[rows[acked]]
    fragments.by_side("rebased")[owner[acked]] = True
    syn = np.flatnonzero(~acked & (fragments["syn_frame"][fragment] == 0))
    syn_ack = np.flatnonzero(acked & ~fragments["syn_ack_known"][fragment])
    for news, name, values in (
        (syn, "syn_side", owner % SIDES),
        (syn, "syn_seq", headers.seq[rows]),
        (syn, "syn_ts_ns", headers.ts_ns[rows]),
        (syn, "syn_frame", packets.frame[rows]),
        (syn_ack, "syn_ack_side", owner % SIDES),
        (syn_ack, "syn_ack_ack", headers.ack[rows]),
        (syn_ack, "syn_ack_ts_ns", headers.ts_ns[rows]),
        (syn_ack, "syn_ack_known", acked),
    ):
        _tell_first(fragments[name], fragment[news], values[news])


def _firsts(rows: Ints, groups: Ints) -> Ints:
    """The first row of each group."""
    order = grouped(groups)
    first: Ints = rows[order[np.diff(groups[order], prepend=-1) != 0]]
    return first


def _tell_first(column: Column, at: Ints, values: Column) -> None:
    """Assign so that of equal indices the first stays."""
    column[at[::-1]] = values[::-1]
