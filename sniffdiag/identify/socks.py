"""SOCKS 4, 4a and 5. Its first bytes are small numbers, so both sides or two steps must agree.

Does not unwrap what is carried. Follows RFC 1928, RFC 1929, SOCKS4.protocol and SOCKS4A.protocol.
"""

from __future__ import annotations

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    any_of,
    at_start,
    beginning,
    best,
    faint,
    hint,
    lean,
    one_of,
    probe_sides,
    when,
)
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Literal, be16, byte, fit
from sniffdiag.model import Transport

METHODS = frozenset(range(10)) | frozenset(range(0x80, 0xFF))
METHOD_COUNTS = range(1, 11)
COMMANDS = frozenset({1, 2, 3})
ADDRESS_TYPES = frozenset({1, 3, 4})
GREETING: Layout = (Literal(0, b"\x05"), byte(1, METHOD_COUNTS))
REQUEST: Layout = (
    Literal(0, b"\x05"),
    byte(1, COMMANDS),
    Literal(2, b"\x00"),
    byte(3, ADDRESS_TYPES),
)
LOGIN: Layout = (Literal(0, b"\x01"), byte(1, range(1, 256)))

NO_AUTHENTICATION: Layout = (
    Literal(0, b"\x05\x00\x05"),
    byte(3, range(9)),
    Literal(4, b"\x00"),
    byte(5, ADDRESS_TYPES),
)
PASSWORD: Layout = (Literal(0, b"\x05\x02\x01"), byte(3, range(256)))
CHOICE: Layout = (Literal(0, b"\x05"), byte(1, {0, 1, 2, 0xFF}))

V4_REQUEST: Layout = (Literal(0, b"\x04"), byte(1, {1, 2}), be16(2, range(1, 1 << 16)))
V4_USER_AT, LONGEST_USER = 8, 128
V4_REPLY: Layout = (Literal(0, b"\x00"), byte(1, range(90, 94)), be16(2, wire.ANY_U16))


@beginning(GREETING)
def _greeting(data: bytes) -> Clue:
    fits = fit(data, GREETING)
    if not fits:
        return when(fits, OPEN)
    end = 2 + data[1]
    methods = data[2:end]
    if len(set(methods)) < len(methods) or not METHODS.issuperset(methods):
        return AGAINST
    if len(methods) < data[1]:
        return OPEN
    return _after_greeting(data[end:])


def _after_greeting(rest: bytes) -> Clue:
    if not rest:
        return lean("a SOCKS5 greeting")
    request = when(fit(rest, REQUEST), hint("a SOCKS5 greeting and request"))
    login = when(fit(rest, LOGIN), hint("a SOCKS5 greeting and login"))
    return best(request, login)


@beginning(V4_REQUEST)
def _v4(data: bytes) -> Clue:
    fits = fit(data, V4_REQUEST)
    user, end, _ = data[V4_USER_AT : V4_USER_AT + LONGEST_USER].partition(b"\x00")
    if not fits:
        return when(fits, OPEN)
    if not wire.is_printable(user) or len(user) == LONGEST_USER:
        return AGAINST
    return hint("a SOCKS4 request") if end else OPEN


_client = any_of(_greeting, _v4)
_server = one_of(
    (NO_AUTHENTICATION, hint("a SOCKS5 reply")),
    (PASSWORD, hint("a SOCKS5 login answer")),
    (CHOICE, lean("a SOCKS5 method choice")),
    (V4_REPLY, faint("a SOCKS4 reply")),
)

DETECTOR = Detector(
    protocol="socks",
    title="SOCKS 4 / 5",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(at_start(_client), at_start(_server)),
    evidence="Greeting and request of the client together with the proxy's reply.",
)
