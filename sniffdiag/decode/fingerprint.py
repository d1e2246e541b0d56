"""What tells one packet from all others, and one place it was captured at from another, as numbers.

A packet on its way through a node passes a veth, a bridge, a tunnel device and a network card, and
a capture of all of them holds it as often. What stays the same makes its `packet` number:
addresses, ports, the IPv4 identification, sequence numbers, flags, length, TCP's timestamps, and
where there are no sequence numbers the first payload bytes. What differs makes its `place`: the
interface, the link header with its MAC addresses, VLAN tags, device and packet type, the tunnels
around it and the hops left. Checksums (offloading), TOS and windows say neither.

Follows RFC 791, RFC 6864 (the identification of a retransmission is another one), RFC 7323
appendix A (how timestamps are laid out) and tcpdump.org/linktypes.html.
"""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from sniffdiag.decode.headers import TCP_SYN, HeaderTable
from sniffdiag.decode.link import ETHERNET_LEN, SLL2_LEN, SLL_LEN, VLAN_LEN
from sniffdiag.decode.network import IPV4
from sniffdiag.decode.walk import be16, gather
from sniffdiag.model import Transport
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from sniffdiag.decode.walk import Bytes, Rows
    from sniffdiag.sources.frames import FrameChunk

U64s: TypeAlias = npt.NDArray[np.uint64]

ETHERNET, LINUX_SLL, LINUX_SLL2 = 1, 113, 276
COOKED = (LINUX_SLL, LINUX_SLL2)
"""Link types of captures of all interfaces at once."""
LINK_HEADER_LEN = {ETHERNET: ETHERNET_LEN, LINUX_SLL: SLL_LEN, LINUX_SLL2: SLL2_LEN}
"""Link headers that say where a frame was captured; others hold counters or nothing."""
LONGEST_LINK_HEADER = 24
MOST_TAGS_LEN = 2 * VLAN_LEN

NO_PLACE = 0
"""An SLL header has no device: two that are equal may be of different places. So it is said of
packets whose retransmission could be told: by another identification or timestamp or, of a SYN, by
its coming a second later."""

IP_ID_AT, IPV4_TTL_AT, IPV6_HOPS_AT, IP_WINDOW = 4, 8, 7, 9
TIMESTAMPS_LEN, TIMESTAMPS_HEAD = 12, 0x0101_080A
"""NOP, NOP, kind 8, length 10, as every stack lays them out behind a segment without data lost."""
PREFIX_LEN = 32
"""Enough to reach behind QUIC's connection IDs."""
_WORD = np.dtype(">u8")

# Secret multipliers, as in flows.tuples: nobody can craft packets that pass for copies of others.
_MULTIPLIERS = np.frombuffer(os.urandom(8 * 16), np.uint64) | np.uint64(1)
_SPREAD = np.uint64(0x9E37_79B9_7F4A_7C15)
_HALF = np.uint64(32)


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Columns of shape `(n,)`; equal only within one process."""

    packet: U64s
    place: U64s
    """`NO_PLACE` where the place is not known."""


def fingerprints(chunk: FrameChunk, headers: HeaderTable, rows: Rows) -> Fingerprints:
    """Of `rows`, whose headers must be whole."""
    network = headers.network_at[rows]
    ip = gather(chunk.data, network, IP_WINDOW)
    is_v4 = ip[:, 0] >> 4 == IPV4
    ip_id = np.where(is_v4, be16(ip, IP_ID_AT), 0)
    hops = np.where(is_v4, ip[:, IPV4_TTL_AT], ip[:, IPV6_HOPS_AT])
    clock = _clock(chunk.data, headers, rows)
    place = _mixed(
        headers.interface[rows], hops, _tunnels(headers)[headers.encapsulation[rows]],
        *_link_words(chunk, headers, rows),
    )  # fmt: skip
    place |= np.uint64(1)  # never NO_PLACE
    told_apart = (ip_id != 0) | (clock != 0) | (headers.tcp_flags[rows] & TCP_SYN != 0)
    place[(chunk.linktype[rows] == LINUX_SLL) & told_apart] = NO_PLACE
    return Fingerprints(_packet(chunk.data, headers, rows, ip_id, clock), place)


def _packet(
    data: Bytes, headers: HeaderTable, rows: Rows, ip_id: npt.NDArray[np.int64], clock: U64s
) -> U64s:
    ports = headers.src_port[rows].astype(np.uint64) << np.uint64(16) | headers.dst_port[rows]
    numbers = headers.seq[rows].astype(np.uint64) << _HALF | headers.ack[rows]
    kind = headers.transport[rows].astype(np.uint64) << np.uint64(8) | headers.tcp_flags[rows]
    addresses = (headers.src_hi, headers.src_lo, headers.dst_hi, headers.dst_lo)
    packet = _mixed(
        *(column[rows] for column in addresses),
        ports, numbers, kind, ip_id, clock, headers.payload_wirelen[rows],
    )  # fmt: skip
    others = np.flatnonzero(headers.transport[rows] != Transport.TCP)
    if others.size:
        packet[others] = _mixed(packet[others], *_prefix_words(data, headers, rows[others]))
    return packet


def _mixed(*columns: npt.NDArray[np.generic]) -> U64s:
    """One number for each row of the columns."""
    mixed = np.zeros(columns[0].shape[0], np.uint64)
    for column, multiplier in zip(columns, _MULTIPLIERS, strict=False):
        mixed += column.astype(np.uint64)
        mixed *= multiplier
        mixed ^= mixed >> _HALF
    mixed *= _SPREAD
    return mixed


def _clock(data: Bytes, headers: HeaderTable, rows: Rows) -> U64s:
    """TCP timestamps where they end the header, else 0; a SYN's options may be changed on its way.

    They tell a retransmission that has no identification of its own (IPv6) from its original.
    """
    clock = np.zeros(rows.shape[0], np.uint64)
    segments = (headers.transport[rows] == Transport.TCP) & (headers.tcp_flags[rows] & TCP_SYN == 0)
    at = np.flatnonzero(segments)
    if at.size:
        options = gather(data, headers.payload_at[rows[at]] - TIMESTAMPS_LEN, TIMESTAMPS_LEN)
        head = np.ascontiguousarray(options[:, :4]).view(">u4")[:, 0]
        clock[at] = np.ascontiguousarray(options[:, 4:]).view(_WORD)[:, 0]
        clock[at[head != TIMESTAMPS_HEAD]] = 0
    return clock


def _tunnels(headers: HeaderTable) -> npt.NDArray[np.uint32]:
    """A number for each encapsulation that does not depend on the chunk."""
    return np.array([zlib.crc32(name.encode()) for name in headers.encapsulations], np.uint32)


def _link_words(chunk: FrameChunk, headers: HeaderTable, rows: Rows) -> list[U64s]:
    """The link header, VLAN tags included where no tunnel follows, zeros behind it."""
    offset, linktype = chunk.offset[rows], chunk.linktype[rows]
    length = np.zeros(rows.shape[0], np.int64)
    for number, header_len in LINK_HEADER_LEN.items():
        length[linktype == number] = header_len
    tags = headers.network_at[rows] - offset - length
    tagged = (tags > 0) & (tags <= MOST_TAGS_LEN) & (length > 0)
    tagged &= headers.encapsulation[rows] == 0
    length[tagged] += tags[tagged]
    return _words(chunk.data, offset, LONGEST_LINK_HEADER, length)


def _prefix_words(data: Bytes, headers: HeaderTable, rows: Rows) -> list[U64s]:
    """The first payload bytes, zeros behind what was captured."""
    return _words(data, headers.payload_at[rows], PREFIX_LEN, headers.payload_len[rows])


def _words(
    data: Bytes, at: npt.NDArray[np.int64], width: int, length: npt.NDArray[np.signedinteger]
) -> list[U64s]:
    """`length` bytes from each place, and zeros up to `width`, as columns of eight bytes each."""
    window = gather(data, at, width)
    short = np.flatnonzero(length < width)
    if short.size:
        window[short] *= np.arange(width) < length[short, np.newaxis]
    words = window.view(_WORD)
    return [words[:, column].astype(np.uint64) for column in range(words.shape[1])]
