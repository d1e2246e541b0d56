"""DHCPv6."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

SOLICIT = (
    b"\x01\x10\x08\x74\x00\x01\x00\x0e"
    + bytes(14)
    + b"\x00\x06\x00\x04"
    + bytes(4)
    + b"\x00\x08\x00\x02\x00\x00"
)

SAMPLES = Samples(
    protocol="dhcpv6",
    transport=Transport.UDP,
    certain=(Talk(name="solicit", client=SOLICIT),),
    almost=(Talk(name="option 9999", client=b"\x01\x10\x08\x74\x27\x0f\x00\x0e" + bytes(40)),),
)
