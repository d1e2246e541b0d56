"""RDP, and what else TPKT carries."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

REQUEST = b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x0b\x00\x00\x00"
CONFIRM = b"\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x1f\x08\x00\x02\x00\x00\x00"
COOKIE = b"Cookie: mstshash=shop\r\n"

SAMPLES = Samples(
    protocol="rdp",
    certain=(
        Talk(name="negotiation", client=REQUEST, server=CONFIRM),
        Talk(name="confirm alone", server=CONFIRM),
        Talk(
            name="cookie",
            client=b"\x03\x00\x00"
            + bytes([11 + len(COOKIE), 6 + len(COOKIE)])
            + REQUEST[5:11]
            + COOKIE,
        ),
        Talk(
            name="bare, both sides",
            client=b"\x03\x00\x00\x0b\x06\xe0\x00\x00\x00\x00\x00",
            server=b"\x03\x00\x00\x0b\x06\xd0\x00\x00\x12\x34\x00",
        ),
    ),
    possible=(Talk(name="bare request", client=b"\x03\x00\x00\x0b\x06\xe0\x00\x00\x00\x00\x00"),),
    almost=(
        Talk(
            name="s7",
            client=b"\x03\x00\x00\x16\x11\xe0\x00\x00\x00\x01\x00\xc0\x01\x0a\xc1\x02\x01\x00\xc2\x02\x01\x02",
        ),
        Talk(name="rtmp", client=b"\x03" + bytes(1536)),
    ),
)
