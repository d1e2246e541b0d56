"""DHCP."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

DISCOVER = b"\x01\x01\x06\x00" + bytes(232) + b"\x63\x82\x53\x63\x35\x01\x01\xff"

SAMPLES = Samples(
    protocol="dhcp",
    transport=Transport.UDP,
    certain=(Talk(name="discover", client=DISCOVER, server=b"\x02" + DISCOVER[1:]),),
    almost=(Talk(name="bootp", client=DISCOVER[:236] + bytes(64)),),
)
