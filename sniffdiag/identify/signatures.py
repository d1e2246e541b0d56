"""Protocols that a few fixed fields at the very beginning give away: one table row each.

They have no grammar worth a file: what would differ between the files is only the bytes, and side
by side it shows that no two rows can both fit. A protocol that needs more than layouts moves out
into a file of its own. Deliberately without mid-stream recognition.
"""

from __future__ import annotations

from sniffdiag.identify.clue import (
    Clue,
    at_start,
    datagrams,
    faint,
    hint,
    nothing,
    one_of,
    probe_sides,
    proof,
)
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import (
    Layout,
    Literal,
    Number,
    Text,
    be16,
    be24,
    be32,
    byte,
    le32,
)
from sniffdiag.model import Transport

TCP = frozenset({Transport.TCP})
UDP = frozenset({Transport.UDP})
BOTH = TCP | UDP
_Cases = tuple[tuple[Layout, Clue], ...]
_DIGITS = b"0123456789"


def _signature(
    protocol: str,
    title: str,
    client: _Cases,
    server: _Cases,
    transports: frozenset[Transport] = TCP,
) -> Detector:
    """A detector of fixed beginnings; a side without cases proves nothing."""
    hear = datagrams if Transport.UDP in transports else at_start
    return Detector(
        protocol=protocol,
        title=title,
        transports=transports,
        probe=probe_sides(
            hear(one_of(*client) if client else nothing),
            hear(one_of(*server) if server else nothing),
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

# X Window System Protocol 8, "Connection Setup": byte order, protocol 11.0, authorization lengths.
X11 = _signature(
    "x11",
    "X11",
    (
        ((Literal(0, b"l"), Literal(2, b"\x0b\x00\x00\x00")), proof("X11 connection setup")),
        ((Literal(0, b"B"), Literal(2, b"\x00\x0b\x00\x00")), proof("X11 connection setup")),
    ),
    (),
)

# OMG CORBA 3.3, part 2, 9.4.1: magic, version 1.0 to 1.3, flags, message type.
_GIOP: _Cases = (
    (
        (Literal(0, b"GIOP\x01"), byte(5, range(4)), byte(6, range(4)), byte(7, range(8))),
        proof("GIOP header"),
    ),
)
GIOP = _signature("giop", "CORBA (GIOP)", _GIOP, _GIOP)

# ZMTP 3.1 "greeting": ff, eight bytes, 7f, version.
_ZMTP: _Cases = (
    ((Literal(0, b"\xff"), Literal(9, b"\x7f"), byte(10, {1, 3})), proof("ZMTP greeting")),
)
ZMTP = _signature("zmtp", "ZeroMQ (ZMTP)", _ZMTP, _ZMTP)

# RFC 6120 4.2: the XML stream header, with or without its declaration.
_XMPP: _Cases = tuple(
    ((Literal(0, text),), proof("XMPP stream header"))
    for text in (
        b"<stream:stream",
        b"<?xml version='1.0'?><stream:stream",
        b'<?xml version="1.0"?><stream:stream',
        b"<?xml version='1.0' ?><stream:stream",
        b'<?xml version="1.0" ?><stream:stream',
        b"<?xml version='1.0'?>\n<stream:stream",
        b'<?xml version="1.0" encoding="UTF-8"?><stream:stream',
    )
)
XMPP = _signature("xmpp", "XMPP (Jabber)", _XMPP, _XMPP)

# RFC 6733 3: version 1, length in words, flags, a command of the base or a 3GPP application.
_DIAMETER_COMMANDS = frozenset({257, 258, 271, 272, 274, 275, 280, 282}) | frozenset(
    range(300, 325)
)
_DIAMETER: _Cases = (
    (
        (
            byte(0, {1}),
            be24(1, range(20, 1 << 16, 4)),
            byte(4, {0x00, 0x20, 0x40, 0x60, 0x80, 0xC0, 0x90, 0xD0}),
            be24(5, _DIAMETER_COMMANDS),
        ),
        proof("Diameter header"),
    ),
)
DIAMETER = _signature("diameter", "Diameter", _DIAMETER, _DIAMETER)


# RFC 8907 4.1: version 12.0 or 12.1, type, sequence number (odd from clients), flags, length.
def _tacacs(sequence: int) -> _Cases:
    layout: Layout = (
        byte(0, {0xC0, 0xC1}),
        byte(1, range(1, 4)),
        byte(2, {sequence}),
        byte(3, {0, 1, 4, 5}),
        be32(8, range(5, 1 << 16)),
    )
    return ((layout, faint("a TACACS+ header")),)


TACACS = _signature("tacacs", "TACACS+", _tacacs(1), _tacacs(2))

# RFC 5531 9 and 11: over TCP a record mark of one fragment, then xid, type, version 2, program.
_RPC_PROGRAMS = range(100_000, 100_400)


def _rpc(at: int) -> tuple[Layout, Layout]:
    mark: Layout = (Literal(0, b"\x80\x00"),) if at else ()
    call: Layout = (*mark, be32(at + 4, {0}), be32(at + 8, {2}), be32(at + 12, _RPC_PROGRAMS))
    reply: Layout = (*mark, be32(at + 4, {1}), be32(at + 8, {0}), be32(at + 12, range(8)))
    return call, reply


RPC = _signature(
    "rpc",
    "ONC RPC (NFS, portmapper)",
    tuple((_rpc(at)[0], proof("ONC RPC call")) for at in (0, 4)),
    tuple((_rpc(at)[1], hint("an ONC RPC reply")) for at in (0, 4)),
    BOTH,
)

# C706 12.6.3.1: version 5.0 or 5.1, packet type, little-endian data representation.
_DCERPC: _Cases = (
    (
        (
            Literal(0, b"\x05"),
            byte(1, {0, 1}),
            byte(2, {0, 2, 3, 11, 12, 13, 14, 15, 16}),
            Literal(4, b"\x10\x00\x00\x00"),
            Number(8, 2, range(16, 1 << 15), "little"),
        ),
        proof("DCE/RPC header"),
    ),
)
DCERPC = _signature("dcerpc", "DCE/RPC", _DCERPC, _DCERPC)

# CIP Networks Library 2, 2-3: RegisterSession, four bytes long, no error.
_REGISTER_SESSION: Layout = (
    Literal(0, b"\x65\x00\x04\x00"),
    Literal(8, b"\x00\x00\x00\x00"),
    Literal(20, b"\x00\x00\x00\x00\x01\x00\x00\x00"),
)
_ENIP: _Cases = ((_REGISTER_SESSION, proof("EtherNet/IP session registration")),)
ENIP = _signature("enip", "EtherNet/IP", _ENIP, _ENIP)

# MODBUS Messaging on TCP/IP 3.1.3: protocol 0, length, unit, function (errors set the top bit).
_MODBUS_FUNCTIONS = frozenset({*range(1, 9), 11, 12, 15, 16, 17, 20, 21, 22, 23, 24, 43, 90})


def _modbus(functions: frozenset[int]) -> _Cases:
    layout: Layout = (Literal(2, b"\x00\x00\x00"), byte(5, range(2, 255)), byte(7, functions))
    return ((layout, faint("a Modbus header")),)


MODBUS = _signature(
    "modbus",
    "Modbus/TCP",
    _modbus(_MODBUS_FUNCTIONS),
    _modbus(_MODBUS_FUNCTIONS | {function | 0x80 for function in _MODBUS_FUNCTIONS}),
)


# RFC 7296 3.1, RFC 2408 3.1, behind four zero bytes on the NAT traversal port (RFC 3948 2.2).
def _ike(at: int) -> Layout:
    marker: Layout = (Literal(0, bytes(at)),) if at else ()
    return (
        *marker,
        byte(at + 16, {1, 5, 8, 11, 12, 33, 34, 41, 43, 46, 53}),
        byte(at + 17, {0x10, 0x20}),
        byte(at + 18, {2, 4, 5, 6, 32, 33, 34, 35, 36, 37}),
        byte(at + 19, range(0x40)),
        be32(at + 24, range(28, 1 << 16)),
    )


_IKE: _Cases = tuple((_ike(at), proof("IKE header")) for at in (0, 4))
IKE = _signature("isakmp", "IKE (ISAKMP)", _IKE, _IKE, UDP)

# sflow.org version 5: version, address type.
_SFLOW: _Cases = (
    (
        (be32(0, {5}), be32(4, {1, 2}), be32(24, range(1, 64)), be32(28, range(1, 5))),
        proof("sFlow datagram header"),
    ),
)
SFLOW = _signature("sflow", "sFlow", _SFLOW, (), UDP)

# RFC 1002 4.4.1: NetBIOS datagram of a group or a single name, from port 138 by its own word.
_NBDGM: _Cases = (
    (
        (
            byte(0, range(0x10, 0x17)),
            byte(1, range(0x10)),
            be16(8, {138}),
            Literal(14, b"\x20"),
            Text(15, 32, bytes(range(ord("A"), ord("P") + 1))),
        ),
        proof("NetBIOS datagram header"),
    ),
)
NBDGM = _signature("nbdgm", "NetBIOS datagrams", _NBDGM, _NBDGM, UDP)

# RFC 2453 4 and 3.9.1: version 2 answers with IPv4 routes, request for the whole table.
_RIP: _Cases = (
    ((Literal(0, b"\x02"), byte(1, {1, 2}), Literal(2, b"\x00\x00\x00\x02")), proof("RIP answer")),
    (
        (Literal(0, b"\x01"), byte(1, {1, 2}), Literal(2, bytes(18) + b"\x00\x00\x00\x10")),
        proof("RIP request"),
    ),
)
RIP = _signature("rip", "RIP", _RIP, _RIP, UDP)


# RFC 4120 7.2, 5.4.1: an application tag, a sequence, and the protocol version 5.
def _kerberos(at: int, tag: int) -> tuple[Layout, ...]:
    version = b"\x03\x02\x01\x05"
    mark: Layout = (Literal(0, b"\x00\x00"),) if at else ()
    field = range(0xA0, 0xA2)
    # Lengths of one byte, of two (81 xx) and of three (82 xx xx).
    return tuple(
        (
            *mark,
            byte(at, {tag}),
            *((Literal(at + 1, long),) if long else ()),
            Literal(at + 1 + width, b"\x30"),
            byte(at + 2 + 2 * width, field),
            Literal(at + 3 + 2 * width, version),
        )
        for width, long in ((1, b""), (2, b"\x81"), (3, b"\x82"))
    )


_KRB_REQUESTS, _KRB_ANSWERS = (0x6A, 0x6C, 0x6E), (0x6B, 0x6D, 0x6F, 0x7E)
KERBEROS = _signature(
    "kerberos",
    "Kerberos",
    tuple(
        (layout, proof("Kerberos request"))
        for tag in _KRB_REQUESTS
        for at in (0, 4)
        for layout in _kerberos(at, tag)
    ),
    tuple(
        (layout, proof("Kerberos answer"))
        for tag in _KRB_ANSWERS
        for at in (0, 4)
        for layout in _kerberos(at, tag)
    ),
    BOTH,
)

# openvpn's ssl_pkt.h: opcode 7 or 8 in the high five bits, session id, no acknowledgements yet.
_OPENVPN_RESET: Layout = (byte(0, {0x38}), Literal(9, bytes(5)))
_OPENVPN_ANSWER: Layout = (byte(0, {0x40}), Literal(9, b"\x01\x00\x00\x00\x00"))
OPENVPN = _signature(
    "openvpn",
    "OpenVPN",
    ((_OPENVPN_RESET, faint("an OpenVPN reset")),),
    ((_OPENVPN_ANSWER, faint("an OpenVPN reset answer")),),
    UDP,
)


# OPC 10000-6, 7.1.2: message type, chunk, length. Hello and acknowledge come first.
def _opcua(kind: bytes) -> _Cases:
    return (((Literal(0, kind), le32(4, range(28, 1 << 13))), proof("OPC UA message header")),)


OPCUA = _signature("opcua", "OPC UA", _opcua(b"HELF"), _opcua(b"ACKF") + _opcua(b"ERRF"))

# FIX session protocol: BeginString, then BodyLength.
_FIX: _Cases = _literal(b"8=FIX.", "FIX begin string") + _literal(b"8=FIXT.1.", "FIX begin string")
FIX = _signature("fix", "FIX (financial information exchange)", _FIX, _FIX)

# RFC 2637 2: length, control message, magic cookie.
_PPTP: _Cases = (((Literal(2, b"\x00\x01\x1a\x2b\x3c\x4d"),), proof("PPTP magic cookie")),)
PPTP = _signature("pptp", "PPTP (control)", _PPTP, _PPTP)

# Bitcoin's chainparams.cpp: magic of the main and the test networks, then a padded command.
_BITCOIN: _Cases = tuple(
    ((Literal(0, magic), Literal(4, command)), proof("Bitcoin message header"))
    for magic in (b"\xf9\xbe\xb4\xd9", b"\x0b\x11\x09\x07", b"\xfa\xbf\xb5\xda")
    for command in (b"version\x00", b"verack\x00", b"ping\x00", b"inv\x00", b"addr\x00", b"tx\x00")
)
BITCOIN = _signature("bitcoin", "Bitcoin", _BITCOIN, _BITCOIN)

# Zabbix "Header": ZBXD, flags, length.
_ZABBIX: _Cases = (((Literal(0, b"ZBXD"), byte(4, range(1, 8))), proof("Zabbix header")),)
ZABBIX = _signature("zabbix", "Zabbix", _ZABBIX, _ZABBIX)

# OpenFlow Switch Specification A.1, A.5.1: version, HELLO, length with or without bitmap element.
_OPENFLOW: _Cases = (
    ((byte(0, range(1, 7)), Literal(1, b"\x00\x00"), byte(3, {8, 16})), faint("an OpenFlow HELLO")),
)
OPENFLOW = _signature("openflow", "OpenFlow", _OPENFLOW, _OPENFLOW)

# SMPP 3.4, 3.2, 4.1: length, bind as receiver, transmitter or transceiver, status, sequence.
_SMPP_BINDS = frozenset({1, 2, 9})


def _smpp(commands: frozenset[int]) -> _Cases:
    layout: Layout = (be32(0, range(16, 160)), be32(4, commands), be32(12, range(1, 1 << 16)))
    return ((layout, faint("an SMPP bind")),)


SMPP = _signature(
    "smpp", "SMPP", _smpp(_SMPP_BINDS), _smpp(frozenset(0x80000000 | c for c in _SMPP_BINDS))
)

# RFC 2281 3: version 0, opcode, state, times, priority, group, then the default authentication.
_HSRP: _Cases = (
    (
        (Literal(0, b"\x00"), byte(1, range(3)), Literal(7, b"\x00cisco\x00\x00\x00")),
        proof("HSRP with the default authentication"),
    ),
)
HSRP = _signature("hsrp", "HSRP", _HSRP, _HSRP, UDP)

# Cisco's NetFlow 5 and 9 (RFC 3954 5.1), RFC 7011 3.1 (IPFIX): version, counts, seconds since 1970.
_SECONDS = range(0x38000000, 0xC0000000)
_CFLOW: _Cases = (
    (
        (Literal(0, b"\x00\x05"), be16(2, range(1, 31)), be32(8, _SECONDS)),
        proof("NetFlow 5 header"),
    ),
    (
        (Literal(0, b"\x00\x09"), be16(2, range(1, 64)), be32(8, _SECONDS), be16(20, {0, 1})),
        proof("NetFlow 9 header and template"),
    ),
    (
        (
            Literal(0, b"\x00\x09"),
            be16(2, range(1, 64)),
            be32(8, _SECONDS),
            be16(20, range(256, 512)),
        ),
        hint("a NetFlow 9 header"),
    ),
    (
        (Literal(0, b"\x00\x0a"), be32(4, _SECONDS), be16(16, {2, 3})),
        proof("IPFIX header and template"),
    ),
)
CFLOW = _signature("cflow", "NetFlow / IPFIX", _CFLOW, (), UDP)

# RFC 2661 3.1, 4.4.1: control flags, version 2; the first AVP is the message type.
_L2TP: _Cases = (
    (
        (Literal(0, b"\xc8\x02"), Literal(12, b"\x80\x08\x00\x00\x00\x00\x00")),
        proof("L2TP control message"),
    ),
)
L2TP = _signature("l2tp", "L2TP (control)", _L2TP, _L2TP, UDP)

# ASHRAE 135 J.2, 6.2: BACnet/IP type, unicast or broadcast, length, then network version 1.
_BACNET: _Cases = (
    (
        (Literal(0, b"\x81"), byte(1, {0x0A, 0x0B}), be16(2, range(8, 1498)), Literal(4, b"\x01")),
        proof("BACnet/IP header"),
    ),
)
BACNET = _signature("bacnet", "BACnet/IP", _BACNET, _BACNET, UDP)

# RFC 8966 4.2, 4.6: magic 42, version 2, body length, first TLV.
_BABEL: _Cases = (
    (
        (Literal(0, b"\x2a\x02"), be16(2, range(2, 1500)), byte(4, range(12)), byte(5, range(64))),
        proof("Babel header"),
    ),
)
BABEL = _signature("babel", "Babel", _BABEL, _BABEL, UDP)

# Wireshark's packet-db-lsp.c: JSON that begins with the host.
_DROPBOX = _literal(b'{"host_int": ', "Dropbox LAN sync announcement")
DROPBOX = _signature("db-lsp-disc", "Dropbox LAN sync discovery", _DROPBOX, _DROPBOX, UDP)

SIGNATURES = (
    BABEL,
    BACNET,
    BGP,
    BITCOIN,
    BOLT,
    BRPC,
    CFLOW,
    CLICKHOUSE,
    DCERPC,
    DIAMETER,
    DROPBOX,
    ENIP,
    FIX,
    GIOP,
    HSRP,
    IKE,
    JAVA_RMI,
    JDWP,
    KERBEROS,
    L2TP,
    MODBUS,
    NBDGM,
    NSQ,
    OPCUA,
    OPENFLOW,
    OPENVPN,
    PPTP,
    RIP,
    RPC,
    RSYNC,
    SFLOW,
    SMPP,
    TACACS,
    TRPC,
    VNC,
    X11,
    XMPP,
    ZABBIX,
    ZMTP,
)
"""One detector for each row above."""
