"""The straight path: Ethernet, IPv4 without options, TCP or UDP, everything where it always is.

Nearly every frame of nearly every capture is of this shape, so all of its fields come out of
one gather at fixed offsets. What is not of this shape is not judged here: its rows are left to
the steps.
"""

from __future__ import annotations

import numpy as np

from sniffdiag.decode.chain import Header
from sniffdiag.decode.headers import V4_MAPPED, DecodeStatus
from sniffdiag.decode.transport import PORT_TUNNEL, TCP_MIN_OFFSET, UDP_LEN
from sniffdiag.decode.walk import Bytes, Columns, Ints, Mask, gather

HEADERS_SPANNED = 3
"""Ethernet, IPv4 and the transport."""

WIDTH = 48
LAYOUT = (
    ("type_version_ihl_tos", ">u4", 12),
    ("total_len", ">u2", 16),
    ("fragment", ">u2", 20),
    ("protocol", "u1", 23),
    ("src", ">u4", 26),
    ("dst", ">u4", 30),
    ("src_port", ">u2", 34),
    ("dst_port", ">u2", 36),
    ("seq", ">u4", 38),
    ("udp_len", ">u2", 38),
    ("ack", ">u4", 42),
    ("offset", "u1", 46),
    ("flags", "u1", 47),
)
"""Name, type and place of each field; the EtherType is read together with IPv4's first bytes."""
FIELDS = np.dtype(
    {
        "names": [name for name, _, _ in LAYOUT],
        "formats": [kind for _, kind, _ in LAYOUT],
        "offsets": [at for _, _, at in LAYOUT],
        "itemsize": WIDTH,
    }
)
TYPE_VERSION_IHL, TYPE_VERSION_IHL_MASK = 0x0800_4500, 0xFFFF_FF00
FRAGMENT_OFFSET_MASK = 0x1FFF
ETHERNET_LEN, IPV4_LEN = 14, 20
TRANSPORT_AT = ETHERNET_LEN + IPV4_LEN
TCP, UDP = 6, 17
OK, TRUNCATED = np.uint8(DecodeStatus.OK), np.uint8(DecodeStatus.TRUNCATED)


def decode_plain(
    data: Bytes, at: Ints, end: Ints, wire_end: Ints, heads: Bytes | None = None
) -> tuple[Columns, Mask]:
    """Columns for all rows, and which of the rows are of this shape; the others hold nonsense.

    `heads`: the first bytes from each `at`, where they have been gathered already.
    """
    heads = gather(data, at, WIDTH) if heads is None else heads[:, :WIDTH]
    field = heads.view(FIELDS)[:, 0]
    protocol = np.ascontiguousarray(field["protocol"])
    total_len = field["total_len"].astype(np.int64)
    header_len = ((field["offset"] >> 4) * np.uint8(4)).astype(np.int64)

    plain = (field["type_version_ihl_tos"] & TYPE_VERSION_IHL_MASK) == TYPE_VERSION_IHL
    plain &= (field["fragment"] & FRAGMENT_OFFSET_MASK) == 0
    columns = _tcp_columns(field, protocol)
    is_tcp = protocol == TCP
    if is_tcp.all():
        plain &= header_len >= TCP_MIN_OFFSET * 4
    else:
        plain &= (is_tcp & (header_len >= TCP_MIN_OFFSET * 4)) | (protocol == UDP)
        _patch_udp(field, np.flatnonzero(~is_tcp), columns, plain, header_len)

    payload_at = at + TRANSPORT_AT + header_len
    ip_end = np.minimum(at + ETHERNET_LEN + total_len, wire_end)
    captured_end = np.minimum(ip_end, end)
    plain &= payload_at <= captured_end
    columns.network_at = at + ETHERNET_LEN
    columns.payload_at = payload_at
    columns.payload_len = (captured_end - payload_at).astype(np.int32)
    columns.payload_wirelen = (ip_end - payload_at).astype(np.int32)
    truncated = captured_end < ip_end
    columns.status = np.where(truncated, TRUNCATED, OK)
    return columns, plain


def _tcp_columns(field: np.ndarray, protocol: Bytes) -> Columns:
    rows = protocol.shape[0]
    return Columns(
        status=np.zeros(0, np.uint8),
        src_hi=np.zeros(rows, np.uint64),
        src_lo=field["src"].astype(np.uint64) | np.uint64(V4_MAPPED),
        dst_hi=np.zeros(rows, np.uint64),
        dst_lo=field["dst"].astype(np.uint64) | np.uint64(V4_MAPPED),
        src_port=field["src_port"].astype(np.uint16),
        dst_port=field["dst_port"].astype(np.uint16),
        transport=protocol,
        tcp_flags=np.ascontiguousarray(field["flags"]),
        seq=field["seq"].astype(np.uint32),
        ack=field["ack"].astype(np.uint32),
        network_at=np.zeros(0, np.int64),
        payload_at=np.zeros(0, np.int64),
        payload_len=np.zeros(0, np.int32),
        payload_wirelen=np.zeros(0, np.int32),
    )


def _patch_udp(
    field: np.ndarray, others: np.ndarray, columns: Columns, plain: Mask, header_len: Ints
) -> None:
    """What the TCP reading got wrong in rows that are not TCP."""
    total_len = field["total_len"][others]
    agrees = field["udp_len"][others] == total_len - np.uint16(IPV4_LEN)
    no_tunnel = PORT_TUNNEL[columns.dst_port[others]] == Header.DONE
    plain[others] &= agrees & no_tunnel & (total_len >= IPV4_LEN + UDP_LEN)
    header_len[others] = UDP_LEN
    columns.tcp_flags[others] = 0
    columns.seq[others] = 0
    columns.ack[others] = 0
