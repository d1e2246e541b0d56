"""Babel."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="babel",
    transport=Transport.UDP,
    certain=(Talk(name="hello", client=b"\x2a\x02\x00\x08\x04\x06\x00\x00\x00\x01\x01\x90"),),
    almost=(
        Talk(name="version 3", client=b"\x2a\x03\x00\x08\x04\x06" + bytes(6)),
        Talk(name="longer than a datagram", client=b"\x2a\x02\xff\xff\x04\x06" + bytes(6)),
    ),
)
