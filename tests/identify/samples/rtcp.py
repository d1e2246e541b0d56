"""RTCP compounds."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

SENDER = b"\x80\xc8\x00\x06" + bytes(24)
DESCRIPTION = b"\x81\xca\x00\x04" + bytes(16)

SAMPLES = Samples(
    protocol="rtcp",
    transport=Transport.UDP,
    certain=(
        Talk(name="compound", client=SENDER + DESCRIPTION),
        Talk(
            name="reports of both",
            client=b"\x80\xc9\x00\x01" + bytes(4),
            server=b"\x80\xc9\x00\x01" + bytes(4),
        ),
    ),
    possible=(Talk(name="one report", client=b"\x80\xc9\x00\x01" + bytes(4)),),
    almost=(
        Talk(name="rtp", client=b"\x80\x60\x00\x01" + bytes(40)),
        Talk(name="short sender report", client=b"\x80\xc8\x00\x02" + bytes(24)),
    ),
)
