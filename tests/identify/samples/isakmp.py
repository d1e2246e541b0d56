"""IKE: its fixed beginning."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="isakmp",
    transport=Transport.UDP,
    certain=(
        Talk(
            name="main mode",
            client=b"12345678"
            + bytes(8)
            + b"\x01\x10\x02\x00"
            + bytes(6)
            + b"\x00\x5c"
            + bytes(64),
        ),
        Talk(
            name="behind nat",
            client=bytes(4)
            + b"12345678" * 2
            + b"\x2e\x20\x23\x08\x00\x00\x00\x01\x00\x00\x00\x5c"
            + bytes(64),
        ),
    ),
    almost=(Talk(name="esp", client=b"\x12\x34\x56\x78" + bytes(60)),),
)
