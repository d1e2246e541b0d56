"""PostgreSQL frontend/backend protocol 3.0 and 3.2.

A client opens with an untyped message (startup, SSLRequest, GSSENCRequest, cancel); afterwards both
sides send type byte, u32 length, body. One byte answers SSLRequest, then TLS may follow: still
PostgreSQL. Direct TLS (17 and later) is not told from other TLS here: its ALPN does that. Follows
the PostgreSQL manual, chapter "Frontend/Backend Protocol".
"""

from __future__ import annotations

import re

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    any_of,
    anywhere,
    beginning,
    best,
    chain_of,
    hint,
    lean,
    one_of,
    probe_sides,
    proof,
    when,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.verdict import NO_FACTS, Detector, Facts
from sniffdiag.identify.wire import Layout, Literal, be32, byte, fit
from sniffdiag.model import Transport

SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
GSSENC_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x30"
CANCEL: Layout = (Literal(4, b"\x04\xd2\x16\x2e"), be32(0, range(16, 273)))
PROTOCOL_3_0, PROTOCOL_3_2 = 0x30000, 0x30002
STARTUP: Layout = (be32(4, {PROTOCOL_3_0, PROTOCOL_3_2}), be32(0, range(9, 10_001)))
STARTUP_PARAMETERS_AT = 8
_PARAMETER = lazy(rb"[a-z_][A-Za-z0-9_.]*\x00[^\x00]*")
_CUT_PARAMETER = lazy(rb"(?:[a-z_][A-Za-z0-9_.]*)?\Z")
TLS_HANDSHAKE = b"\x16\x03"

AUTHENTICATION_OK: Layout = (Literal(0, b"R\x00\x00\x00\x08\x00\x00\x00\x00"),)
AUTHENTICATION_CLEAR: Layout = (Literal(0, b"R\x00\x00\x00\x08\x00\x00\x00\x03"),)
AUTHENTICATION_MD5: Layout = (Literal(0, b"R\x00\x00\x00\x0c\x00\x00\x00\x05"),)
AUTHENTICATION_OTHER: Layout = (Literal(0, b"R\x00\x00\x00\x08\x00\x00\x00"), byte(8, {7, 9}))
AUTHENTICATION_SASL: Layout = (
    Literal(0, b"R\x00\x00\x00"),
    Literal(5, b"\x00\x00\x00\x0aSCRAM-SHA-256"),
)
NEGOTIATE_VERSION: Layout = (
    Literal(0, b"v\x00\x00"),
    Literal(5, b"\x00\x03\x00"),
)
_FAILURE = lazy(
    rb"[EN]\x00\x00..(?:S[^\x00]{1,30}\x00V(?:ERROR|FATAL|PANIC|WARNING|NOTICE|LOG)"
    rb"|S(?:ERROR|FATAL|PANIC|WARNING|NOTICE))\x00",
    re.DOTALL,
)
_FAILURE_READ_BYTES = 48
ENCRYPTION_ANSWERS = b"SNG"

CLIENT_TYPES = frozenset(b"BCDEFHPQSXcdfp")
SERVER_TYPES = frozenset(b"123ACDEGHINRSTVWZcdnstvK")
# Types whose length never varies, so that chains of them prove something.
FIXED_LENGTHS = dict.fromkeys(b"123nscIWH", (4,)) | {ord("Z"): (5,), ord("K"): (12, 16, 36)}
LENGTHS = range(4, 1 << 20)
"""Of most messages; a chain of longer ones would hardly be kept."""
CHAIN = 4
QUERY: Layout = (Literal(0, b"Q\x00"), be32(1, range(6, 1 << 24)))
PARSE: Layout = (Literal(0, b"P\x00"), be32(1, range(8, 1 << 24)))
_STATEMENT = lazy(
    rb"[^\x00]{0,63}\x00?[\s(]*(?i:select|insert|update|delete|begin|commit|rollback|set|show|create|drop"
    rb"|alter|start|with|copy|listen|notify|truncate|explain|discard|deallocate|savepoint|release"
    rb"|declare|fetch|grant|vacuum|lock)[\s;\x00(*]",
)
_STATEMENT_READ_BYTES = 96
READY: Layout = (Literal(0, b"Z\x00\x00\x00\x05"), byte(5, frozenset(b"ITE")))


@beginning((Literal(0, SSL_REQUEST),), (Literal(0, GSSENC_REQUEST),), CANCEL, STARTUP)
def _client_start(data: bytes) -> Clue:
    for request, name in ((SSL_REQUEST, "SSLRequest"), (GSSENC_REQUEST, "GSSENCRequest")):
        if data.startswith(request):
            tls = data.startswith(TLS_HANDSHAKE, len(request))
            facts = Facts(switched_to="tls") if tls else NO_FACTS
            return proof(f"PostgreSQL {name}", facts)
    cut = SSL_REQUEST.startswith(data) or GSSENC_REQUEST.startswith(data)
    others = best(when(fit(data, CANCEL), proof("PostgreSQL cancel request")), _startup(data))
    return OPEN if cut else others


def _startup(data: bytes) -> Clue:
    fits = fit(data, STARTUP)
    if not fits:
        return when(fits, OPEN)
    parameters = data[STARTUP_PARAMETERS_AT:]
    if _PARAMETER.match(parameters):
        minor = data[7]
        return proof("PostgreSQL startup message", Facts(version=f"3.{minor}"))
    return OPEN if _CUT_PARAMETER.match(parameters) else AGAINST


@beginning((byte(0, frozenset(b"EN")), Literal(1, b"\x00\x00")))
def _failure(data: bytes) -> Clue:
    if _FAILURE.match(data):
        return proof("PostgreSQL error response")
    return OPEN if data[:1] in b"EN" and len(data) < _FAILURE_READ_BYTES else AGAINST


_authentication = any_of(
    one_of(
        (AUTHENTICATION_OK, proof("PostgreSQL authentication OK")),
        (AUTHENTICATION_CLEAR, proof("PostgreSQL password request")),
        (AUTHENTICATION_MD5, proof("PostgreSQL MD5 request")),
        (AUTHENTICATION_OTHER, proof("PostgreSQL authentication request")),
        (AUTHENTICATION_SASL, proof("PostgreSQL SASL request")),
        (NEGOTIATE_VERSION, hint("PostgreSQL version negotiation")),
    ),
    _failure,
)


@beginning(*_authentication.begins, (byte(0, frozenset(ENCRYPTION_ANSWERS)),))
def _server_start(data: bytes) -> Clue:
    direct = _authentication(data)
    if data[:1] not in ENCRYPTION_ANSWERS:
        return direct
    answer, rest = data[:1], data[1:]
    if not rest:
        return lean("one-byte answer to a PostgreSQL encryption request")
    if answer == b"S":
        tls = fit(rest, (Literal(0, TLS_HANDSHAKE),))
        facts = Facts(switched_to="tls")
        return when(tls, hint("acceptance of a PostgreSQL SSLRequest, then TLS", facts))
    return best(direct, _authentication(rest))


def _message_len(data: bytes, at: int, types: frozenset[int]) -> int | None:
    kind, length = wire.u8(data, at), wire.u32(data, at + 1)
    if kind is not None and kind not in types:
        return 0
    if kind is None or length is None:
        return None
    possible = FIXED_LENGTHS.get(kind, LENGTHS)
    return 1 + length if length in possible else 0


def _client_message_len(data: bytes, at: int) -> int | None:
    # Sync, Flush, CopyDone and Terminate have no body; the server's `S` and `H` do.
    length = _message_len(data, at, CLIENT_TYPES)
    bare = data[at : at + 1] in b"SHcX"
    return 0 if length and bare and length != len(b"S\x00\x00\x00\x04") else length


def _server_message_len(data: bytes, at: int) -> int | None:
    return _message_len(data, at, SERVER_TYPES)


@beginning(QUERY, PARSE)
def _statement(data: bytes) -> Clue:
    fits = any(fit(data, layout) for layout in (QUERY, PARSE))
    if not fits:
        return AGAINST
    text = data[5 : 5 + _STATEMENT_READ_BYTES]
    if _STATEMENT.match(text):
        return proof("PostgreSQL statement")
    return OPEN if len(text) < _STATEMENT_READ_BYTES else AGAINST


_client_messages = any_of(
    one_of(
        ((Literal(0, b"X\x00\x00\x00\x04"),), hint("a PostgreSQL Terminate")),
        ((Literal(0, b"S\x00\x00\x00\x04"),), hint("a PostgreSQL Sync")),
    ),
    _statement,
    chain_of(
        _client_message_len,
        CHAIN,
        hint("PostgreSQL client messages"),
        (byte(0, CLIENT_TYPES), be32(1, LENGTHS)),
    ),
)
_ready = one_of((READY, hint("PostgreSQL's ReadyForQuery")))
_server_chain = chain_of(_server_message_len, CHAIN, hint("PostgreSQL server messages"))


@beginning((byte(0, SERVER_TYPES), be32(1, LENGTHS)), *_authentication.begins)
def _server_messages(data: bytes) -> Clue:
    """A chain that reaches ReadyForQuery is proof: its length and status are fixed."""
    at, seen = 0, 0
    while seen <= CHAIN * 4:
        length = _server_message_len(data, at)
        if not length:
            break
        if seen and fit(data[at:], READY):
            return proof("PostgreSQL messages up to ReadyForQuery")
        at, seen = at + length, seen + 1
    return best(_ready(data), _server_chain(data), _authentication(data))


DETECTOR = Detector(
    protocol="postgres",
    title="PostgreSQL",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(
        anywhere(_client_start, _client_messages),
        anywhere(_server_start, _server_messages),
    ),
    evidence="Startup, SSLRequest, GSSENCRequest or cancel; authentication and error messages; "
    "mid-stream, typed messages chained by their lengths.",
    midstream=True,
)
