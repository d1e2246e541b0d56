"""MySQL and MariaDB: the classic protocol and the X protocol.

Classic packets are length u24 little endian, sequence number, body. The server speaks first, with
a greeting or an error; a client that wants TLS answers with a cut-short login (SSLRequest) and goes
on with a ClientHello: still MySQL. TiDB, OceanBase and ProxySQL speak the same. Does not follow
the compressed protocol and does not read statements. Follows the MySQL internals manual ("Protocol
Basics", "Connection Phase"), MariaDB's "Clients & Protocols" and mysqlx.proto.
"""

from __future__ import annotations

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    any_of,
    anywhere,
    beginning,
    chain_of,
    faint,
    hint,
    lean,
    one_of,
    probe_sides,
    proof,
    when,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.verdict import NO_FACTS, Detector, Facts
from sniffdiag.identify.wire import (
    Layout,
    Literal,
    Number,
    Text,
    byte,
    fit,
    le24,
    le32,
)
from sniffdiag.model import Transport

HEADER_LEN = 4
VERSION_AT = 5
VERSION_LIMIT_BYTES = 100
SALT_LEN = 8
SSL_REQUEST_LEN = 32

GREETING: Layout = (
    Literal(3, b"\x00\x0a"),
    le24(0, range(30, 300)),
    byte(VERSION_AT, range(ord("0"), ord("9") + 1)),
)
_VERSION = lazy(rb"[0-9][ -~]*\x00")

ERROR: Layout = (
    Literal(3, b"\x00\xff"),
    le24(0, range(9, 600)),
    # Server errors are 1000-1999 and 3000-4999 (errmsg-utf8.txt).
    Number(5, 2, range(1000, 5000), "little"),
    Text(7, 8),
)

CLIENT_PROTOCOL_41 = 0x0200
FILLER_LEN = 19
"""The first 19 of 23 reserved zero bytes; MariaDB keeps capabilities in the last four."""
LOGIN: Layout = (
    Literal(3, b"\x01"),
    le24(0, range(SSL_REQUEST_LEN, 1 << 16)),
    Literal(13, bytes(FILLER_LEN)),
    byte(5, frozenset(flags for flags in range(256) if flags & (CLIENT_PROTOCOL_41 >> 8))),
)
SSL_REQUEST: Layout = (*LOGIN, Literal(0, b"\x20\x00\x00\x01"))

COM_QUERY = b"\x00\x03"
COMMANDS = range(0x20)
_STATEMENT = lazy(
    rb"[\s(]*(?i:select|insert|update|delete|replace|set|show|begin|commit|rollback|create|drop"
    rb"|alter|use|start|call|explain|describe|desc|truncate|grant|with|lock|unlock|/\*)[\s;*(/]",
)
_STATEMENT_READ_BYTES = 24
QUERY: Layout = (Literal(3, COM_QUERY), le24(0, range(4, 1 << 24)))

COLUMN_COUNT_THEN_DEFINITION: Layout = (
    Literal(0, b"\x01\x00\x00\x01"),
    byte(4, range(1, 251)),
    le24(5, range(20, 1024)),
    Literal(8, b"\x02\x03def"),
)
OK_PACKET: Layout = (
    Literal(0, b"\x07\x00\x00"),
    byte(3, range(1, 16)),
    Literal(4, b"\x00"),
)

AUTHENTICATION_SWITCH: Layout = (
    le24(0, range(10, 256)),
    byte(3, range(1, 8)),
    Literal(4, b"\xfe"),
    Text(5, 8, b"abcdefghijklmnopqrstuvwxyz_0123456789"),
)

X_NOTICE: Layout = (Literal(0, b"\x05\x00\x00\x00\x0b\x08\x05\x1a\x00"),)
X_CAPABILITIES: Layout = (
    byte(4, {2}),
    le32(0, range(20, 4096)),
    byte(5, {0x0A}),
    byte(7, {0x0A}),
)
_X_MECHANISMS = b"authentication.mechanisms"
X_GET: Layout = (Literal(0, b"\x01\x00\x00\x00\x01"),)
X_MESSAGE: Layout = (le32(0, range(1, 1 << 20)), byte(4, {2, 4}))
_X_LOGIN = lazy(rb"\x0a(\x07MYSQL41|\x05PLAIN|\x0dSHA256_MEMORY)")


@beginning(GREETING)
def _greeting(data: bytes) -> Clue:
    fits = fit(data, GREETING)
    text = data[VERSION_AT : VERSION_AT + VERSION_LIMIT_BYTES]
    version = _VERSION.match(text)
    if not fits or version is None:
        ends = b"\x00" in text or len(text) == VERSION_LIMIT_BYTES
        return AGAINST if fits is False or ends else OPEN
    salt_end = VERSION_AT + version.end() + 4 + SALT_LEN
    facts = Facts(version=version[0][:-1].decode("ascii"))
    filled = fit(data, (Literal(salt_end, b"\x00"),))
    if filled is None:
        return lean("MySQL server greeting, cut", facts)
    return when(filled, proof("MySQL server greeting", facts))


@beginning(LOGIN)
def _login(data: bytes) -> Clue:
    facts = NO_FACTS
    if fit(data, SSL_REQUEST):
        after = data[HEADER_LEN + SSL_REQUEST_LEN :]
        facts = Facts(switched_to="tls") if after.startswith(b"\x16\x03") else NO_FACTS
    return when(fit(data, LOGIN), proof("MySQL client login", facts))


@beginning(QUERY)
def _query(data: bytes) -> Clue:
    fits = fit(data, QUERY)
    text = data[HEADER_LEN + 1 : HEADER_LEN + 1 + _STATEMENT_READ_BYTES]
    if not fits:
        return when(fits, OPEN)
    if _STATEMENT.match(text):
        return proof("MySQL COM_QUERY with a statement")
    return OPEN if len(text) < _STATEMENT_READ_BYTES else AGAINST


COMMAND_LENGTHS = range(1, 1 << 16)
"""Of commands that follow each other; longer ones carry files."""


def _command_len(data: bytes, at: int) -> int | None:
    head = wire.u32le(data, at)
    command = wire.u8(data, at + HEADER_LEN)
    if head is None or command is None:
        return None
    length, sequence = head & 0xFFFFFF, head >> 24
    fits = length in COMMAND_LENGTHS and not sequence and command in COMMANDS
    return HEADER_LEN + length if fits else 0


ANSWER_CHAIN = 3
ANSWER_LENGTHS = range(1, 1 << 16)
"""Of packets whose next one was kept, too."""
_ANSWER = hint("MySQL packets counting up")


@beginning((le24(0, ANSWER_LENGTHS), byte(3, range(1, 256))))
def _answer(data: bytes) -> Clue:
    """Packets whose sequence numbers count up."""
    first = wire.u8(data, HEADER_LEN - 1)
    if not first:
        return OPEN if first is None else AGAINST
    at = 0
    for sequence in range(first, first + ANSWER_CHAIN):
        head = wire.u32le(data, at)
        if head is None:
            return OPEN
        if head >> 24 != sequence or head & 0xFFFFFF not in ANSWER_LENGTHS:
            return AGAINST
        at += HEADER_LEN + (head & 0xFFFFFF)
    return _ANSWER


@beginning(X_CAPABILITIES)
def _x_server(data: bytes) -> Clue:
    fits = fit(data, X_CAPABILITIES)
    if fits and _X_MECHANISMS in data:
        return proof("MySQL X capabilities")
    length = HEADER_LEN + (wire.u32le(data, 0) or 0)
    return OPEN if fits is None or (fits and len(data) < length) else AGAINST


@beginning(X_GET, X_MESSAGE)
def _x_client(data: bytes) -> Clue:
    got = fit(data, X_GET)
    message = data[5:] if got else data
    fits = fit(message, X_MESSAGE)
    if fits and _X_LOGIN.search(message[:64]):
        return proof("MySQL X login")
    return hint("MySQL X capabilities request") if got else when(fits, OPEN)


_commands = chain_of(
    _command_len, 3, hint("MySQL command packets"), (Literal(3, b"\x00"), byte(4, COMMANDS))
)
_greeting_or_error = any_of(
    _greeting,
    one_of(
        (ERROR, proof("MySQL error in place of a greeting")),
        (X_NOTICE, proof("MySQL X notice")),
    ),
    _x_server,
)
_answers = any_of(
    _greeting_or_error,
    one_of(
        (COLUMN_COUNT_THEN_DEFINITION, proof("MySQL result set")),
        (AUTHENTICATION_SWITCH, hint("a MySQL authentication switch")),
        (OK_PACKET, faint("MySQL OK packet")),
    ),
    _answer,
)


_client_start = any_of(_login, _x_client)


DETECTOR = Detector(
    protocol="mysql",
    title="MySQL / MariaDB",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(
        anywhere(_client_start, any_of(_query, _commands)),
        anywhere(_greeting_or_error, _answers),
    ),
    evidence="Server greeting (protocol 10) or error packet, client login with its zero filler, "
    "statements in COM_QUERY, X protocol notices and capabilities.",
    midstream=True,
    server_first=True,
)
