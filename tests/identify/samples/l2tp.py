"""L2TP."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

START = b"\xc8\x02\x00\x4c" + bytes(8) + b"\x80\x08\x00\x00\x00\x00\x00\x01" + bytes(56)

SAMPLES = Samples(
    protocol="l2tp",
    transport=Transport.UDP,
    certain=(Talk(name="start", client=START, server=START),),
    almost=(
        Talk(name="data", client=b"\x00\x02" + START[2:]),
        Talk(name="hidden first attribute", client=START[:12] + b"\xc0" + START[13:]),
    ),
)
