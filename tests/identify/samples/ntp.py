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
        Talk(name="with a digest", client=CLIENT + bytes(20)),
        Talk(
            name="control message",
            client=b"\x16\x02\x00\x01" + bytes(8),
            server=b"\x16\x82\x00\x01\x06\x15\x00\x00\x00\x00\x00\x08version=",
        ),
        Talk(name="monlist", client=b"\x17\x00\x03\x2a" + bytes(4)),
        Talk(
            name="monlist, answered",
            client=b"\x17\x00\x03\x2a" + bytes(4),
            server=b"\xd7\x00\x03\x2a\x00\x06\x00\x48" + bytes(432),
        ),
    ),
    possible=(
        Talk(name="no times", client=b"\x1b" + bytes(47)),
        Talk(name="server without times", server=b"\x24\x02\x06\xe9" + bytes(44)),
    ),
    almost=(
        Talk(name="version 7", client=b"\x3b" + CLIENT[1:]),
        Talk(name="stratum 99", server=b"\x24\x63" + SERVER[2:]),
        Talk(
            name="noise with a header of both sides",
            client=b"\x23\x02\x06\xe9" + bytes(range(1, 97)),
            server=b"\x24\x02\x06\xe9" + bytes(range(1, 97)),
        ),
        Talk(name="control message with a status", client=b"\x16\x02\x00\x01" + b"\x07" * 8),
        Talk(name="too short", client=CLIENT[:47]),
    ),
)
