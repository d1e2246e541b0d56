"""QUIC: long headers of versions 1 and 2, the drafts before them, and Google's own.

Claims rest on headers. SNI and ALPN come from the ClientHello of the Initial packets, which are
opened (`quic_initial`). Short headers are opaque and prove nothing, so a connection joined late
stays unknown. Follows RFC 8999, RFC 9000 17, RFC 9369 3,
draft-ietf-quic-transport-*, and Google's "QUIC Wire Layout Specification".
"""

from __future__ import annotations

import re
from dataclasses import replace

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    Sign,
    Sounding,
    beginning,
    datagrams,
    lean,
    probe_sides,
    proof,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.quic_initial import (
    INITIAL_TYPE,
    LONGEST_CONNECTION_ID,
    V2_DRAFT,
    VERSION_1,
    VERSION_2,
    alert_code,
    client_hello,
)
from sniffdiag.identify.tls_alerts import alert_name
from sniffdiag.identify.tls_clear import client_hello_facts
from sniffdiag.identify.verdict import Alert, Answer, Detector, Facts, Heads, Verdict
from sniffdiag.identify.wire import Layout, Literal, Text, be32, byte
from sniffdiag.model import Transport

LONG_HEADER, FIXED_BIT, TYPE_BITS = 0x80, 0x40, 0x30
NEGOTIATION = 0
TLS_VERSION = "1.3"
"""The only one there is over QUIC (RFC 9001 4.2)."""
DRAFTS = range(0xFF000000, 0xFF000100)
OTHERS = (
    range(0xFACEB000, 0xFACEB010),  # mvfst
    range(0xFF020000, 0xFF020100),  # the first drafts of version 2
    range(0xABCD0000, 0xABCD0010),  # MsQuic
    range(0x50435130, 0x5043513A),  # picoquic
    range(0x45474700, 0x45474800),  # quant
)
"""From the QUIC working group's list of versions in use."""
GREASED_MASK, GREASED = 0x0F0F0F0F, 0x0A0A0A0A
"""RFC 9000 15: versions reserved to force negotiation."""
_GOOGLE = lazy(rb"[QT]0[2-5]\d\Z")
_GOOGLE_PUBLIC = lazy(rb"[\x09\x0d\x19\x1d\x29\x2d\x39\x3d].{8}Q0[2-4]\d", re.DOTALL)
_GOOGLE_PUBLIC_LEN = 13

SHORTEST_CHOSEN_ID = 8
RETRY_TYPE = {VERSION_2: 0, V2_DRAFT: 0}
INTEGRITY_TAG_LEN = 16
LONGEST_TOKEN = 1 << 11


def _version_name(version: int) -> str | None:
    text = version.to_bytes(4)
    known = {V2_DRAFT: "2-draft", VERSION_1: "1", VERSION_2: "2", NEGOTIATION: "negotiation"}
    if version in known:
        return known[version]
    if version in DRAFTS:
        return f"draft-{version & 0xFF}"
    if _GOOGLE.match(text):
        return text.decode("ascii")
    other = any(version in of for of in OTHERS) or version & GREASED_MASK == GREASED
    return f"0x{version:08x}" if other else None


def _long_header(data: bytes) -> Clue:
    version = wire.u32(data, 1)
    if version is None:
        return OPEN
    name = _version_name(version)
    if not (data[0] & FIXED_BIT or version == NEGOTIATION):
        return AGAINST
    if name is None:
        # RFC 8999: any version may come; the server's negotiation then tells.
        return AGAINST if _connection_ids_end(data) is False else OPEN
    if name.startswith(("Q04", "Q05", "T05")):
        return proof(f"Google QUIC long header, version {name}", Facts(version=name))
    ids_end = _connection_ids_end(data)
    if not isinstance(ids_end, tuple):
        return OPEN if ids_end is None else AGAINST
    return _vouched(_body(data, ids_end[0], version, name), data, version)


def _vouched(found: Clue, data: bytes, version: int) -> Clue:
    """No proof where noise might look the same."""
    noise_too = version in {NEGOTIATION, VERSION_1} and not _has_chosen_id(data)
    return replace(found, sign=min(found.sign, Sign.FOR)) if noise_too else found


def _has_chosen_id(data: bytes) -> bool:
    """Whether one of the connection ids, which are whole, vouches for the header around it.

    Versions 0 and 1 are what any bytes look like that are mostly zero. Of the ids of a handshake
    one is at least 8 unpredictable bytes long (RFC 9000 7.2).
    """
    destination = data[6 : 6 + data[5]]
    source_at = 7 + data[5]
    source = data[source_at : source_at + data[source_at - 1]]
    return any(
        len(chosen) >= SHORTEST_CHOSEN_ID and len(set(chosen) - {0}) > len(chosen) // 2
        for chosen in (destination, source)
    )


def _connection_ids_end(data: bytes) -> tuple[int] | bool | None:
    at = 5
    for _ in range(2):
        length = wire.u8(data, at)
        if length is None:
            return None
        if length > LONGEST_CONNECTION_ID:
            return False
        at += 1 + length
    return (at,)


def _body(data: bytes, at: int, version: int, name: str) -> Clue:
    why = proof(f"QUIC long header, version {name}", Facts(version=name))
    if version == NEGOTIATION:
        return _negotiation(data, at)
    cut = lean(f"QUIC long header, version {name}, cut", Facts(version=name))
    kind = data[0] >> 4 & 3
    if kind == RETRY_TYPE.get(version, 3):
        why = proof(f"QUIC Retry, version {name}", Facts(version=name))
        return why if len(data) >= at + INTEGRITY_TAG_LEN else OPEN
    if kind == INITIAL_TYPE.get(version, 0):
        token = wire.quic_varint(data, at)
        if token is None or token[0] > LONGEST_TOKEN:
            return cut if token is None else AGAINST
        at = token[1] + token[0]
    length = wire.quic_varint(data, at)
    if length is None:
        return cut
    # Packet number and authentication tag; a datagram holds no more than 65,527 bytes.
    return why if length[0] in range(17, 1 << 16) else AGAINST


def _negotiation(data: bytes, at: int) -> Clue:
    first = wire.u32(data, at)
    if first is None:
        return OPEN
    fits = first != NEGOTIATION and _version_name(first) is not None
    return proof("QUIC version negotiation") if fits else AGAINST


# What the first bytes of headers look like whose version has a name.
_LONG = byte(0, range(LONG_HEADER, 1 << 8))
_NAMED_HEADERS: tuple[Layout, ...] = (
    (_LONG, be32(1, frozenset({VERSION_1, VERSION_2, V2_DRAFT, NEGOTIATION}))),
    (_LONG, be32(1, DRAFTS)),
    *((_LONG, be32(1, versions)) for versions in OTHERS),
    (_LONG, Text(1, 1, b"QT"), Literal(2, b"0")),
    (_LONG, Text(1, 4, bytes(high << 4 | 0xA for high in range(16)))),
    (Text(0, 1, b"\x09\x0d\x19\x1d\x29\x2d\x39\x3d"), Literal(9, b"Q0")),
)


@beginning(*_NAMED_HEADERS)
def _datagram(data: bytes) -> Clue:
    if data[0] & LONG_HEADER:
        return _long_header(data)
    if _GOOGLE_PUBLIC.match(data):
        version = data[9:_GOOGLE_PUBLIC_LEN].decode("ascii")
        return proof(f"Google QUIC public header, version {version}", Facts(version=version))
    cut = len(data) < _GOOGLE_PUBLIC_LEN
    return OPEN if cut or data[0] & FIXED_BIT else AGAINST


_side = datagrams(_datagram)
_headers = probe_sides(_side, _side)


def probe(heads: Heads) -> Verdict:
    """QUIC by either side's headers, with what the ClientHello says."""
    verdict = _headers(heads)
    if verdict.answer is not Answer.CERTAIN:
        return verdict
    hello = client_hello(heads.client)
    if hello is None:
        # A hello that only the other side's keys open shows which side the client is.
        return replace(verdict, by_client=client_hello(heads.server) is None and verdict.by_client)
    alert = alert_code(heads.client, heads.server)
    facts = replace(
        client_hello_facts(hello.body),
        version=_version_name(hello.version),
        tls_version=TLS_VERSION,
        alerts=() if alert is None else (Alert("server", "fatal", alert_name(alert)),),
    )
    why = verdict.why if hello.whole else f"{verdict.why}, of its ClientHello only the beginning"
    return replace(verdict, why=why, facts=facts, by_client=True)


DETECTOR = Detector(
    protocol="quic",
    title="QUIC",
    transports=frozenset({Transport.UDP}),
    probe=Sounding(probe, _side.begins, _side.begins),
    evidence="Long header with a known version, connection ids and packet length.",
)
