"""DHCP."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

DISCOVER = b"\x01\x01\x06\x00" + bytes(232) + b"\x63\x82\x53\x63\x35\x01\x01\xff"

SAMPLES = Samples(
    protocol="dhcp",
    transport=Transport.UDP,
    certain=(
        Talk(name="discover", client=DISCOVER, server=b"\x02" + DISCOVER[1:]),
        Talk(name="over ieee 802.5", client=DISCOVER[:1] + b"\x06" + DISCOVER[2:]),
        Talk(name="bootp", client=DISCOVER[:236] + bytes(64)),
        Talk(name="short snapshot", client=DISCOVER[:54]),
    ),
    almost=(
        Talk(name="no cookie over ieee 802.5", client=b"\x01\x06\x06\x00" + bytes(296)),
        Talk(name="another operation", client=b"\x03" + DISCOVER[1:]),
        Talk(name="unknown flags", client=DISCOVER[:10] + b"\x12\x34" + DISCOVER[12:60]),
    ),
)
