"""Protocols that a few fixed fields at the very beginning give away: one table row each.

They have no grammar worth a file: what would differ between the files is only the bytes, and side
by side it shows that no two rows can both fit. A protocol that needs more than layouts moves out
into a file of its own. Deliberately without mid-stream recognition.
"""

from __future__ import annotations

from sniffdiag.identify.clue import Clue, at_start, nothing, one_of, probe_sides, proof
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Literal, Text, be16, be32, byte
from sniffdiag.model import Transport

TCP = frozenset({Transport.TCP})
_Cases = tuple[tuple[Layout, Clue], ...]
_DIGITS = b"0123456789"


def _signature(protocol: str, title: str, client: _Cases, server: _Cases) -> Detector:
    """A detector of fixed beginnings; a side without cases proves nothing."""
    return Detector(
        protocol=protocol,
        title=title,
        transports=TCP,
        probe=probe_sides(
            at_start(one_of(*client) if client else nothing),
            at_start(one_of(*server) if server else nothing),
        ),
        evidence=f"{(client or server)[0][1].why} at the very beginning.",
        server_first=not client or protocol in _SERVER_FIRST,
    )


_SERVER_FIRST = frozenset({"vnc", "rsync"})


def _literal(text: bytes, why: str) -> _Cases:
    return (((Literal(0, text),), proof(why)),)


# "Bolt handshake": 60 60 b0 17 and four proposed versions, each 00, range, minor, major.
_BOLT_HANDSHAKE: Layout = (
    Literal(0, b"\x60\x60\xb0\x17"),
    byte(7, range(10)),
    byte(11, range(10)),
    byte(15, range(10)),
)
BOLT = _signature("bolt", "Neo4j Bolt", ((_BOLT_HANDSHAKE, proof("Bolt handshake")),), ())

# JDWP specification, "JDWP Start Up": both sides send the same 14 bytes.
_JDWP = _literal(b"JDWP-Handshake", "JDWP handshake")
JDWP = _signature("jdwp", "Java debug wire protocol", _JDWP, _JDWP)

# RFC 6143 7.1.1: both sides send `RFB xxx.yyy` and a line feed.
_RFB: _Cases = (
    (
        (Literal(0, b"RFB 00"), Text(6, 1, _DIGITS), Literal(7, b"."), Text(8, 3, _DIGITS)),
        proof("RFB protocol version"),
    ),
)
VNC = _signature("vnc", "VNC (RFB)", _RFB, _RFB)

# rsync's clientserver.c, exchange_protocols.
_RSYNCD = _literal(b"@RSYNCD: ", "rsync daemon greeting")
RSYNC = _signature("rsync", "rsync daemon", _RSYNCD, _RSYNCD)

# ClickHouse src/Core/Protocol.h: packet type 0, then a length-prefixed name. Server: name is fixed.
_CLICKHOUSE_CLIENT: Layout = (
    Literal(0, b"\x00"),
    byte(1, range(10, 64)),
    Literal(2, b"ClickHouse"),
)
_CLICKHOUSE_SERVER: Layout = (Literal(0, b"\x00\x0aClickHouse"),)
CLICKHOUSE = _signature(
    "clickhouse",
    "ClickHouse native",
    ((_CLICKHOUSE_CLIENT, proof("ClickHouse client hello")),),
    ((_CLICKHOUSE_SERVER, proof("ClickHouse server hello")),),
)

# nsq.io "TCP Protocol Spec": four magic bytes, then commands; server frames carry size and type.
_NSQ_FRAME: Layout = (be32(0, range(6, 1 << 20)), be32(4, {0}))
NSQ = _signature(
    "nsq",
    "NSQ",
    tuple(
        ((Literal(0, b"  V2" + command),), proof("NSQ magic and command"))
        for command in (b"IDENTIFY\n", b"SUB ", b"PUB ", b"MPUB ", b"AUTH\n", b"NOP\n")
    ),
    (
        ((*_NSQ_FRAME, Literal(8, b"_heartbeat_")), proof("NSQ heartbeat")),
        ((Literal(0, b"\x00\x00\x00\x06\x00\x00\x00\x00OK"),), proof("NSQ OK")),
    ),
)

# RFC 4271 4.1: a marker of ones, length, type.
_BGP: _Cases = (
    (
        (Literal(0, b"\xff" * 16), be16(16, range(19, 4097)), byte(18, range(1, 6))),
        proof("BGP header"),
    ),
)
BGP = _signature("bgp", "BGP", _BGP, _BGP)

# brpc docs/cn/baidu_std.md: PRPC, body size, meta size.
_PRPC: _Cases = (
    (
        (Literal(0, b"PRPC"), be32(4, range(1, 1 << 27)), be32(8, range(1, 1 << 16))),
        proof("brpc header"),
    ),
)
BRPC = _signature("brpc", "brpc (baidu_std)", _PRPC, _PRPC)

# trpc-group/trpc docs/en/trpc_protocol_design.md: magic 0x0930, frame type, stream type, size.
_TRPC: _Cases = (
    (
        (
            Literal(0, b"\x09\x30"),
            byte(2, range(2)),
            byte(3, range(5)),
            be32(4, range(16, 1 << 27)),
            be16(8, range(1 << 15)),
        ),
        proof("tRPC header"),
    ),
)
TRPC = _signature("trpc", "tRPC", _TRPC, _TRPC)

# Java RMI specification 10.2: JRMI, version, stream or single-operation protocol.
JAVA_RMI = _signature(
    "java-rmi",
    "Java RMI",
    (
        (
            (Literal(0, b"JRMI"), be16(4, range(1, 3)), byte(6, {0x4B, 0x4C, 0x4D})),
            proof("Java RMI header"),
        ),
    ),
    (),
)

SIGNATURES = (BGP, BOLT, BRPC, CLICKHOUSE, JAVA_RMI, JDWP, NSQ, RSYNC, TRPC, VNC)
"""One detector for each row above."""
