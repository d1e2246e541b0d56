"""DHCP for IPv4, and BOOTP before it on Ethernet. Follows RFC 2131 2, RFC 951 3.

The magic cookie lies behind what short snapshots keep; the header has enough bytes that are fixed.
"""

from __future__ import annotations

from sniffdiag.identify.clue import datagrams, one_of, probe_sides, proof
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Literal, be16, byte
from sniffdiag.model import Transport

COOKIE_AT = 236
MESSAGE: Layout = (
    byte(0, {1, 2}),
    byte(1, range(1, 33)),
    byte(2, range(17)),
    Literal(COOKIE_AT, b"\x63\x82\x53\x63"),
)
ETHERNET_HEADER: Layout = (
    byte(0, {1, 2}),
    Literal(1, b"\x01\x06"),
    byte(3, range(17)),
    be16(10, {0, 0x8000}),
    Literal(34, bytes(10)),
)
"""Hardware type and length, flags, and what six bytes of address leave empty of sixteen."""
_side = datagrams(
    one_of((MESSAGE, proof("DHCP magic cookie")), (ETHERNET_HEADER, proof("BOOTP header")))
)

DETECTOR = Detector(
    protocol="dhcp",
    title="DHCP",
    transports=frozenset({Transport.UDP}),
    probe=probe_sides(_side, _side),
    evidence="BOOTP header for Ethernet, or with the magic cookie.",
    midstream=True,
)
