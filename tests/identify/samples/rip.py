"""RIP: its fixed beginning."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="rip",
    transport=Transport.UDP,
    certain=(Talk(name="answer", client=b"\x02\x02\x00\x00\x00\x02\x00\x00" + bytes(16)),),
    almost=(Talk(name="version 7", client=b"\x02\x07\x00\x00\x00\x02"),),
)
