"""DHCP and DHCPv6."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

DISCOVER = b"\x01\x01\x06\x00" + bytes(232) + b"\x63\x82\x53\x63\x35\x01\x01\xff"
SOLICIT = (
    b"\x01\x10\x08\x74\x00\x01\x00\x0e"
    + bytes(14)
    + b"\x00\x06\x00\x04"
    + bytes(4)
    + b"\x00\x08\x00\x02\x00\x00"
)

SAMPLES = Samples(
    protocol="dhcp",
    transport=Transport.UDP,
    certain=(
        Talk(name="discover", client=DISCOVER, server=b"\x02" + DISCOVER[1:]),
        Talk(name="solicit", client=SOLICIT),
    ),
    almost=(
        Talk(name="bootp", client=DISCOVER[:236] + bytes(64)),
        Talk(name="option 9999", client=b"\x01\x10\x08\x74\x27\x0f\x00\x0e" + bytes(40)),
    ),
)
