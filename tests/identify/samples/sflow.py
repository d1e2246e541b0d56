"""sFlow: its fixed beginning."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="sflow",
    transport=Transport.UDP,
    certain=(
        Talk(
            name="datagram",
            client=b"\x00\x00\x00\x05\x00\x00\x00\x01"
            + bytes(19)
            + b"\x01\x00\x00\x00\x02"
            + bytes(40),
        ),
    ),
    almost=(Talk(name="version 4", client=b"\x00\x00\x00\x04\x00\x00\x00\x01" + bytes(40)),),
)
