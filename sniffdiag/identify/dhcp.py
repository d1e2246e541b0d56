"""DHCP for IPv4. BOOTP without the cookie is not recognised. Follows RFC 2131 2."""

from __future__ import annotations

from sniffdiag.identify.clue import datagrams, one_of, probe_sides, proof
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Literal, byte
from sniffdiag.model import Transport

COOKIE_AT = 236
MESSAGE: Layout = (
    byte(0, {1, 2}),
    byte(1, range(1, 33)),
    byte(2, range(17)),
    Literal(COOKIE_AT, b"\x63\x82\x53\x63"),
)
_side = datagrams(one_of((MESSAGE, proof("DHCP magic cookie"))))

DETECTOR = Detector(
    protocol="dhcp",
    title="DHCP",
    transports=frozenset({Transport.UDP}),
    probe=probe_sides(_side, _side),
    evidence="BOOTP header with the magic cookie.",
    midstream=True,
)
