"""NTP: client, server, and times that do not agree."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

SECONDS = b"\xe8\x00\x00\x00"
CLIENT = b"\x23" + bytes(39) + SECONDS + b"\x12\x34\x56\x78"
SERVER = b"\x24\x02\x06\xe9" + bytes(12) + (SECONDS + bytes(4)) * 4

SAMPLES = Samples(
    protocol="ntp",
    transport=Transport.UDP,
    certain=(
        Talk(name="both", client=CLIENT, server=SERVER),
        Talk(name="client alone", client=CLIENT),
        Talk(name="server alone", server=SERVER),
    ),
    possible=(
        Talk(name="no times", client=b"\x1b" + bytes(47)),
        Talk(name="server without times", server=b"\x24\x02\x06\xe9" + bytes(44)),
    ),
    almost=(
        Talk(name="version 7", client=b"\x3b" + CLIENT[1:]),
        Talk(name="stratum 99", server=b"\x24\x63" + SERVER[2:]),
        Talk(name="too short", client=CLIENT[:47]),
    ),
)
