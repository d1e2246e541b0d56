"""Headers written by hand, outermost first, and the slow reading of a whole chunk."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from sniffdiag.decode import decode as decode_module
from sniffdiag.decode.scalar import decode_rows
from sniffdiag.decode.walk import Columns

if TYPE_CHECKING:
    from sniffdiag.decode.headers import HeaderTable
    from sniffdiag.sources.frames import FrameChunk

COLUMNS = (
    "status",
    "src_hi",
    "src_lo",
    "dst_hi",
    "dst_lo",
    "src_port",
    "dst_port",
    "transport",
    "tcp_flags",
    "seq",
    "ack",
    "network_at",
    "payload_at",
    "payload_len",
    "payload_wirelen",
)
IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806
TCP, UDP, SCTP, GRE = 6, 17, 132, 47


def decode_slowly(chunk: FrameChunk) -> HeaderTable:
    """Every frame through the scalar decoder."""
    end = chunk.offset + chunk.caplen
    walk = decode_module._start(chunk, end, end.copy(), Columns.zeros(chunk.rows))
    decode_rows(chunk, np.arange(chunk.rows), walk)
    return decode_module._table(chunk, walk.columns, walk.encapsulation, walk.tunnels)


def tunnel_names(table: HeaderTable) -> list[str]:
    """The encapsulation of every row, spelt out."""
    return [table.encapsulations[code] for code in table.encapsulation.tolist()]


def ethernet(ethertype: int, payload: bytes) -> bytes:
    return bytes.fromhex("02000000000b02000000000a") + struct.pack(">H", ethertype) + payload


def vlan(ethertype: int, payload: bytes, vid: int = 100) -> bytes:
    return struct.pack(">HH", vid, ethertype) + payload


def sll(protocol: int, payload: bytes, arphrd: int = 1) -> bytes:
    return struct.pack(">HHH8sH", 4, arphrd, 6, b"\x02" * 6, protocol) + payload


def sll2(protocol: int, payload: bytes, arphrd: int = 1) -> bytes:
    return struct.pack(">HHIHBB8s", protocol, 0, 3, arphrd, 4, 6, b"\x02" * 6) + payload


def ipv4(
    protocol: int,
    payload: bytes,
    *,
    total_len: int | None = None,
    options: bytes = b"",
    fragment: int = 0,
) -> bytes:
    header_len = 20 + len(options)
    length = min(header_len + len(payload), 0xFFFF) if total_len is None else total_len
    return (
        struct.pack(
            ">BBHHHBBH4s4s",
            0x40 | header_len // 4,
            0,
            length,
            1,
            fragment,
            64,
            protocol,
            0,
            bytes((10, 0, 0, 1)),
            bytes((10, 0, 0, 2)),
        )
        + options
        + payload
    )


def ipv6(next_header: int, payload: bytes, *, payload_len: int | None = None) -> bytes:
    length = min(len(payload), 0xFFFF) if payload_len is None else payload_len
    source, destination = (bytes.fromhex("fd00" + "00" * 13) + bytes([host]) for host in (1, 2))
    return (
        struct.pack(">IHBB16s16s", 6 << 28, length, next_header, 64, source, destination) + payload
    )


def tcp(
    payload: bytes = b"", *, dst_port: int = 80, options: bytes = b"", flags: int = 24
) -> bytes:
    offset = 5 + len(options) // 4
    return (
        struct.pack(">HHIIBBHHH", 40000, dst_port, 1000, 2000, offset << 4, flags, 512, 0, 0)
        + options
        + payload
    )


def udp(payload: bytes = b"", *, dst_port: int = 53, length: int | None = None) -> bytes:
    said = min(8 + len(payload), 0xFFFF) if length is None else length
    return struct.pack(">HHHH", 40001, dst_port, said, 0) + payload


def sctp(payload: bytes = b"") -> bytes:
    return struct.pack(">HHII", 40002, 38412, 1, 0) + payload


def vxlan(inner: bytes, *, dst_port: int = 4789, flags: int = 8) -> bytes:
    return udp(struct.pack(">B3xI", flags, 42 << 8) + inner, dst_port=dst_port)


def vxlan_gpe(next_protocol: int, inner: bytes) -> bytes:
    return udp(struct.pack(">BHBI", 0x0C, 0, next_protocol, 42 << 8) + inner, dst_port=4790)


def geneve(ethertype: int, inner: bytes, options: bytes = b"") -> bytes:
    head = struct.pack(">BBHI", len(options) // 4, 0, ethertype, 42 << 8)
    return udp(head + options + inner, dst_port=6081)


def gre(ethertype: int, inner: bytes, flags: int = 0) -> bytes:
    words = sum(bool(flags & bit) for bit in (0x8000, 0x2000, 0x1000))
    return struct.pack(">HH", flags, ethertype) + bytes(4 * words) + inner


def pptp(inner: bytes, *, acknowledged: bool = False) -> bytes:
    flags = 0x3001 | (0x0080 if acknowledged else 0)
    return (
        struct.pack(">HHHH", flags, 0x880B, len(inner), 7) + bytes(8 if acknowledged else 4) + inner
    )


def erspan_ii(inner: bytes) -> bytes:
    return gre(0x88BE, b"\x10" + bytes(7) + inner, flags=0x1000)


def erspan_iii(inner: bytes, *, subheader: bool = False) -> bytes:
    tail = b"\0\1" + bytes(8) if subheader else b"\0\0"
    return gre(0x22EB, b"\x20" + bytes(9) + tail + inner, flags=0x1000)


def mpls(inner: bytes, labels: int = 1) -> bytes:
    stack = b"".join(
        struct.pack(">I", 16 << 12 | (index == labels - 1) << 8 | 64) for index in range(labels)
    )
    return stack + inner


def pppoe(protocol: int, inner: bytes) -> bytes:
    return struct.pack(">BBHHH", 0x11, 0, 1, len(inner) + 2, protocol) + inner


def gtp_u(inner: bytes, extension: bytes = b"") -> bytes:
    flags = 0x34 if extension else 0x30
    optional = b"\0\0\0" if extension else b""
    head = struct.pack(">BBHI", flags, 255, len(optional + extension + inner), 1)
    return udp(head + optional + extension + inner, dst_port=2152)


def snap(ethertype: int, payload: bytes) -> bytes:
    return b"\xaa\xaa\x03\0\0\0" + struct.pack(">H", ethertype) + payload


def wifi(payload: bytes, *, qos: bool = False) -> bytes:
    return bytes((0x88 if qos else 0x08, 1)) + bytes(22 + 2 * qos) + payload


def radiotap(payload: bytes) -> bytes:
    return struct.pack("<BBHI", 0, 0, 8, 0) + payload


def nflog(packet: bytes, order: str = "<") -> bytes:
    prefix = struct.pack(order + "HH", 7, 10) + b"ab\0\0"
    return b"\x02\0\0\1" + prefix + struct.pack(order + "HH", 4 + len(packet), 9) + packet


def pktap(inner_link: int, frame: bytes) -> bytes:
    return struct.pack("<III", 108, 1, inner_link) + bytes(96) + frame
