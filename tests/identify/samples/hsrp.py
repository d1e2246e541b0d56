"""HSRP."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

HELLO = b"\x00\x00\x10\x03\x0a\x78\x01\x00cisco\x00\x00\x00\xc0\xa8\x00\x01"

SAMPLES = Samples(
    protocol="hsrp",
    transport=Transport.UDP,
    certain=(Talk(name="hello", client=HELLO),),
    almost=(
        Talk(name="another authentication", client=HELLO[:8] + b"secret\x00\x00" + HELLO[16:]),
        Talk(name="version 7", client=b"\x07" + HELLO[1:]),
    ),
)
