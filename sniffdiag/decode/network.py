"""IP steps in columns: IPv4 with and without options, IPv6 and its extension headers.

Lengths are taken with a grain of salt: with segmentation offload (TSO, BIG TCP) a captured packet
may say 0, and a mutated one anything, so what was on the wire bounds everything.

Follows RFC 791, RFC 8200, RFC 4302 (AH) and RFC 2675 (jumbograms).
"""

from __future__ import annotations

import numpy as np

from sniffdiag.decode.chain import IP_IN_IP, IP_IN_IP_NAME, IP_PROTOCOLS, Header
from sniffdiag.decode.headers import V4_MAPPED, DecodeStatus
from sniffdiag.decode.walk import Bytes, Mask, Rows, Walk, be16, be32, be64, lookup

PROTOCOL_HEADER = lookup(IP_PROTOCOLS, 256, Header.OTHER_TRANSPORT)

IPV4, IPV4_LEN, IPV4_MIN_IHL, IPV4_OFFSET_MASK = 4, 20, 5, 0x1FFF
IPV6, IPV6_LEN, IPV6_FRAGMENT_LEN = 6, 40, 8


def ipv4(walk: Walk, rows: Rows) -> None:
    """IPv4; the payload is bounded by the total length, so link padding falls away."""
    rows, window = walk.take(rows, IPV4_LEN)
    sane = (window[:, 0] >> 4 == IPV4) & (window[:, 0] & 0x0F >= IPV4_MIN_IHL)
    rows, window = _drop_malformed(walk, rows, window, sane)
    total_len = be16(window, 2)
    header_len = (window[:, 0] & 0x0F).astype(np.int64) * 4
    start = walk.at[rows]
    said = total_len >= header_len
    walk.bound(rows, np.where(said, start + total_len, walk.wire_end[rows]))
    walk.columns.network_at[rows] = start
    walk.columns.src_hi[rows] = 0
    walk.columns.dst_hi[rows] = 0
    walk.columns.src_lo[rows] = be32(window, 12).astype(np.uint64) | np.uint64(V4_MAPPED)
    walk.columns.dst_lo[rows] = be32(window, 16).astype(np.uint64) | np.uint64(V4_MAPPED)
    whole = walk.whole(rows, header_len)
    walk.at[rows] = start + header_len
    later = be16(window, 6) & IPV4_OFFSET_MASK != 0
    walk.settle(rows[whole & later], DecodeStatus.FRAGMENT)
    onward = whole & ~later
    _go_on(walk, rows[onward], window[onward, 9])


def ipv6(walk: Walk, rows: Rows) -> None:
    """IPv6; a payload length of 0 is a jumbogram or BIG TCP and leaves the wire as the bound."""
    rows, window = walk.take(rows, IPV6_LEN)
    rows, window = _drop_malformed(walk, rows, window, window[:, 0] >> 4 == IPV6)
    payload_len = be16(window, 4)
    payload_at = walk.at[rows] + IPV6_LEN
    walk.columns.network_at[rows] = walk.at[rows]
    said = payload_len > 0
    walk.bound(rows, np.where(said, payload_at + payload_len, walk.wire_end[rows]))
    walk.columns.src_hi[rows] = be64(window, 8)
    walk.columns.src_lo[rows] = be64(window, 16)
    walk.columns.dst_hi[rows] = be64(window, 24)
    walk.columns.dst_lo[rows] = be64(window, 32)
    walk.at[rows] = payload_at
    _go_on(walk, rows, window[:, 6])


def ipv6_extension(walk: Walk, rows: Rows) -> None:
    """Hop-by-hop, routing, destination options, mobility: length in units of 8, the first free."""
    rows, window = walk.take(rows, 2)
    walk.at[rows] += (window[:, 1].astype(np.int64) + 1) * 8
    _go_on(walk, rows, window[:, 0])


def authentication(walk: Walk, rows: Rows) -> None:
    """AH: length in units of 4, the first two free (RFC 4302 2.2)."""
    rows, window = walk.take(rows, 2)
    walk.at[rows] += (window[:, 1].astype(np.int64) + 2) * 4
    _go_on(walk, rows, window[:, 0])


def ipv6_fragment(walk: Walk, rows: Rows) -> None:
    """Only the first fragment has a transport header."""
    rows, window = walk.take(rows, IPV6_FRAGMENT_LEN)
    walk.at[rows] += IPV6_FRAGMENT_LEN
    later = be16(window, 2) >> 3 != 0
    walk.settle(rows[later], DecodeStatus.FRAGMENT)
    _go_on(walk, rows[~later], window[~later, 0])


def _go_on(walk: Walk, rows: Rows, protocol: Bytes) -> None:
    header = PROTOCOL_HEADER[protocol]
    walk.header[rows] = header
    walk.columns.transport[rows] = protocol
    for inner in IP_IN_IP:
        tunnelled = header == inner
        if tunnelled.any():
            walk.name_tunnel(rows[tunnelled], IP_IN_IP_NAME)


def _drop_malformed(walk: Walk, rows: Rows, window: Bytes, sane: Mask) -> tuple[Rows, Bytes]:
    if sane.all():
        return rows, window
    walk.settle(rows[~sane], DecodeStatus.MALFORMED)
    return rows[sane], window[sane]
