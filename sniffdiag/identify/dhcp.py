"""DHCP for IPv4 and IPv6. Follows RFC 2131 2 (magic cookie), RFC 8415 8 and 21 (options chain)."""

from __future__ import annotations

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    any_of,
    chained,
    datagrams,
    one_of,
    probe_sides,
    proof,
)
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Literal, byte, fit
from sniffdiag.model import Transport

COOKIE_AT = 236
MESSAGE: Layout = (
    byte(0, {1, 2}),
    byte(1, range(1, 33)),
    byte(2, range(17)),
    Literal(COOKIE_AT, b"\x63\x82\x53\x63"),
)
V6_TYPES = range(1, 14)
V6_OPTIONS_AT = 4
V6_OPTIONS = range(1, 150)
LONGEST_V6_OPTION = 1024
V6_HEADER: Layout = (byte(0, V6_TYPES),)
# Every client message begins with its identifier, every server's with one of the two.
V6_FIRST_OPTION: Layout = (Literal(0, b"\x00"), byte(1, {1, 2, 3, 6, 8, 14, 25}))
CHAIN = 3


def _option_len(data: bytes, at: int) -> int | None:
    code, length = wire.u16(data, at), wire.u16(data, at + 2)
    if code is None or length is None:
        return None if code is None or code in V6_OPTIONS else 0
    return 4 + length if code in V6_OPTIONS and length <= LONGEST_V6_OPTION else 0


def _v6(data: bytes) -> Clue:
    if not fit(data, V6_HEADER):
        return AGAINST
    options = data[V6_OPTIONS_AT:]
    fits = fit(options, V6_FIRST_OPTION)
    chain = chained(options, _option_len, CHAIN)
    if fits is False or chain is False:
        return AGAINST
    return proof("DHCPv6 options") if fits and chain else OPEN


_side = datagrams(any_of(one_of((MESSAGE, proof("DHCP magic cookie"))), _v6))

DETECTOR = Detector(
    protocol="dhcp",
    title="DHCP",
    transports=frozenset({Transport.UDP}),
    probe=probe_sides(_side, _side),
    evidence="BOOTP header with the magic cookie; DHCPv6 header with chained options.",
    midstream=True,
)
