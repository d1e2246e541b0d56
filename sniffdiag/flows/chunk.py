"""`Summary`: one chunk of headers as fragments of its own, ready to be merged into a table.

Counting happens here, in columns, without a look at payload bytes: tags are only counted.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sniffdiag.decode.headers import (
    TCP_ACK,
    TCP_RST,
    TCP_SYN,
    DecodeStatus,
    HeaderTable,
)
from sniffdiag.flows.fragments import SIDES, Column, Fragments
from sniffdiag.flows.tuples import Ints, Tuples, keys_of
from sniffdiag.model import Transport
from sniffdiag.nominate.tags import TAGS

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Summary:
    """The packets of a chunk that take part in flows, and the fragments that they make."""

    headers: HeaderTable
    """Their headers: no other rows."""
    frame: Ints
    flags: npt.NDArray[np.uint8]
    """TCP flags, 0 where there is no TCP."""
    side: Ints
    """Which side sent each packet."""
    fragment: Ints
    """The fragment of each packet."""
    start: Ints
    """The first packet of each fragment."""
    tuples: Tuples
    fragments: Fragments


def summarise(headers: HeaderTable, tags: npt.NDArray[np.uint8]) -> Summary:
    """Count one chunk."""
    usable = headers.status <= DecodeStatus.TRUNCATED
    frame = np.arange(headers.first_frame, headers.first_frame + headers.status.shape[0])
    if not usable.all():
        rows = np.flatnonzero(usable)
        headers, frame, tags = _only(headers, rows), frame[rows], tags[rows]
    keys, from_1 = keys_of(headers)
    flags = np.where(headers.transport == Transport.TCP, headers.tcp_flags, np.uint8(0))
    tuples = Tuples()
    slots, fresh = tuples.place(keys)
    syn = (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN
    starts = syn.copy()
    starts[fresh] = True
    packets = Summary(
        headers=headers,
        frame=frame,
        flags=flags,
        side=from_1.astype(np.int64),
        fragment=_fragment_of_each(slots, starts, tuples.count),
        start=np.flatnonzero(starts),
        tuples=tuples,
        fragments=Fragments(),
    )
    columns = {"slot": slots[packets.start], "begun_by_syn": syn[packets.start]}
    return replace(packets, fragments=Fragments({**columns, **_count(packets, tags)}))


def _only(headers: HeaderTable, rows: Ints) -> HeaderTable:
    """The given rows of every column."""
    columns: dict[str, Any] = {}
    for field in fields(headers):
        value = getattr(headers, field.name)
        columns[field.name] = value[rows] if isinstance(value, np.ndarray) else value
    return HeaderTable(**columns)


def _fragment_of_each(slots: Ints, starts: npt.NDArray[np.bool_], tuples: int) -> Ints:
    """For every packet the number of the latest start of its tuple."""
    numbers = np.cumsum(starts) - 1
    start_slots = slots[starts]
    of_tuple = np.empty(tuples, np.int64)
    of_tuple[start_slots] = np.arange(start_slots.shape[0])
    fragment = of_tuple[slots]
    if start_slots.shape[0] == tuples:
        return fragment
    several = np.bincount(start_slots, minlength=tuples) > 1
    rows = np.flatnonzero(several[slots])
    rows = rows[np.argsort(slots[rows], kind="stable")]
    # The first packet of a tuple is a start, so looking back never leaves the tuple.
    latest = np.maximum.accumulate(np.where(starts[rows], np.arange(rows.shape[0]), 0))
    fragment[rows] = numbers[rows[latest]]
    return fragment


def _count(packets: Summary, tags: npt.NDArray[np.uint8]) -> dict[str, Column]:
    """All columns that can be told from the packets of each fragment."""
    headers, start = packets.headers, packets.start
    rows = np.arange(packets.frame.shape[0])
    last = np.empty_like(start)
    last[packets.fragment] = rows  # of equal indices the last assignment stays
    by_side = packets.fragment * SIDES + packets.side
    return {
        "first_side": packets.side[start],
        "first_frame": packets.frame[start],
        "first_ts_ns": headers.ts_ns[start],
        "interface": headers.interface[start],
        "encapsulation": headers.encapsulation[start],
        "last_frame": packets.frame[last],
        "last_ts_ns": headers.ts_ns[last],
        **_sizes(packets, by_side),
        **_payload(packets, by_side),
        **_tags(packets, by_side, tags),
        **_flags(packets, by_side),
        **_handshakes(packets, by_side),
        **_bases(packets, by_side),
    }


def _sizes(packets: Summary, by_side: Ints) -> Mapping[str, Column]:
    """Packets and bytes by side."""
    headers, size = packets.headers, packets.start.shape[0] * SIDES
    payload = _sums(by_side, headers.payload_wirelen, size)
    cut = np.flatnonzero(headers.payload_len < headers.payload_wirelen)
    missing = (headers.payload_wirelen - headers.payload_len)[cut]
    return {
        "packets": np.bincount(by_side, minlength=size).reshape(-1, SIDES),
        "bytes": _sums(by_side, headers.wirelen, size),
        "payload_bytes": payload,
        "captured_bytes": payload - _sums(by_side[cut], missing, size) if cut.size else payload,
        "cut_segments": np.bincount(by_side[cut], minlength=size).reshape(-1, SIDES),
    }


def _sums(groups: Ints, values: Column, size: int) -> Column:
    """Sums by group; exact, because no chunk holds 2^53 bytes."""
    return np.bincount(groups, values, size).astype(np.int64).reshape(-1, SIDES)


def _payload(packets: Summary, by_side: Ints) -> Mapping[str, Column]:
    """Segments by side, and the first of them."""
    size = packets.start.shape[0] * SIDES
    rows = np.flatnonzero(packets.headers.payload_wirelen > 0)
    first = first_rows(by_side[rows], rows, size)
    return {
        "segments": np.bincount(by_side[rows], minlength=size).reshape(-1, SIDES),
        "first_payload_frame": _told(first, packets.frame).reshape(-1, SIDES),
        "first_payload_ts_ns": _told(first, packets.headers.ts_ns).reshape(-1, SIDES),
    }


def _tags(packets: Summary, by_side: Ints, tags: npt.NDArray[np.uint8]) -> Mapping[str, Column]:
    """Segments by side and tag, and the first frame of each."""
    size = packets.start.shape[0] * SIDES * TAGS
    by_tag = by_side * TAGS + tags
    frames = np.zeros(size, np.int64)
    frames[by_tag[::-1]] = packets.frame[::-1]
    return {
        "tag_counts": np.bincount(by_tag, minlength=size).reshape(-1, SIDES * TAGS),
        "tag_frame": frames.reshape(-1, SIDES * TAGS),
    }


def _flags(packets: Summary, by_side: Ints) -> Mapping[str, Column]:
    """Union of flags by side, and the first RST."""
    count = packets.start.shape[0]
    seen = np.zeros(count * SIDES, np.uint8)
    for value in np.flatnonzero(np.bincount(packets.flags)).tolist():
        rows = np.flatnonzero(packets.flags == value)
        seen[by_side[rows]] |= np.uint8(value)
    rows = np.flatnonzero(packets.flags & TCP_RST)
    rst = first_rows(packets.fragment[rows], rows, count)
    return {
        "flags_seen": seen.reshape(-1, SIDES),
        "rst_frame": _told(rst, packets.frame),
    }


def _handshakes(packets: Summary, by_side: Ints) -> Mapping[str, Column]:
    """First SYN, first SYN with ACK, and the initial sequence number of each side."""
    headers, count = packets.headers, packets.start.shape[0]
    rows = np.flatnonzero(packets.flags & TCP_SYN)
    isn = first_rows(by_side[rows], rows, count * SIDES)
    acked = (packets.flags[rows] & TCP_ACK) != 0
    syns, syn_acks = rows[~acked], rows[acked]
    syn = first_rows(packets.fragment[syns], syns, count)
    syn_ack = first_rows(packets.fragment[syn_acks], syn_acks, count)
    return {
        "isn_frame": _told(isn, packets.frame).reshape(-1, SIDES),
        "isn": _told(isn, headers.seq).reshape(-1, SIDES),
        "syn_frame": _told(syn, packets.frame),
        "syn_ts_ns": _told(syn, headers.ts_ns),
        "syn_side": _told(syn, packets.side),
        "syn_seq": _told(syn, headers.seq),
        "syn_ack_frame": _told(syn_ack, packets.frame),
        "syn_ack_ts_ns": _told(syn_ack, headers.ts_ns),
        "syn_ack_side": _told(syn_ack, packets.side),
        "syn_ack_ack": _told(syn_ack, headers.ack),
    }


def _bases(packets: Summary, by_side: Ints) -> Mapping[str, Column]:
    """base_seq of each side: from its first packet or its peer's first ACK, the earlier of both."""
    headers, size = packets.headers, packets.start.shape[0] * SIDES
    own = first_rows(by_side, np.arange(by_side.shape[0]), size)
    acks = np.flatnonzero(packets.flags & TCP_ACK)
    peers = first_rows(by_side[acks] ^ 1, acks, size)
    by_own = (peers < 0) | ((own >= 0) & (own < peers))
    first = np.where(by_own, own, peers)
    before_own = headers.seq[own] - ((packets.flags[own] & TCP_SYN) == 0)
    base = np.where(by_own, before_own, headers.ack[peers] - np.uint32(1))
    return {
        "base_frame": _told(first, packets.frame).reshape(-1, SIDES),
        "base": base.astype(np.uint32).reshape(-1, SIDES),
    }


def first_rows(groups: Ints, rows: Ints, size: int) -> Ints:
    """The first of `rows` in each of `size` groups, -1 where there is none."""
    first = np.full(size, -1)
    first[groups[::-1]] = rows[::-1]  # of equal indices the last assignment stays
    return first


def _told(rows: Ints, column: Column) -> Column:
    """`column` at `rows`, 0 where there is no row."""
    return np.where(rows >= 0, column[rows], 0) if column.size else column[:0]
