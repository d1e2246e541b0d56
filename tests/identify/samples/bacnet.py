"""BACnet/IP."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="bacnet",
    transport=Transport.UDP,
    certain=(
        Talk(name="who is", client=b"\x81\x0b\x00\x0c\x01\x20\xff\xff\x00\xff\x10\x08"),
        Talk(name="i am", server=b"\x81\x0a\x00\x14\x01\x00\x10\x00" + bytes(12)),
    ),
    almost=(
        Talk(name="network version 2", client=b"\x81\x0b\x00\x0c\x02" + bytes(7)),
        Talk(name="function 99", client=b"\x81\x63\x00\x0c\x01" + bytes(7)),
    ),
)
