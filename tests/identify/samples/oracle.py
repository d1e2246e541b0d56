"""TNS."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

CONNECT = b"\x00\x3a\x00\x00\x01\x00\x00\x00\x01\x39\x01\x2c" + bytes(46) + b"(DESCRIPTION="
ACCEPT = b"\x00\x20\x00\x00\x02\x00\x00\x00\x01\x39" + bytes(22)

SAMPLES = Samples(
    protocol="oracle",
    certain=(
        Talk(name="connect", client=CONNECT, server=ACCEPT),
        Talk(name="connect alone", client=CONNECT),
        Talk(name="accept alone", server=ACCEPT),
        Talk(
            name="refuse", server=b"\x00\x20\x00\x00\x04\x00\x00\x00\x22\x00\x00\x10(DESCRIPTION="
        ),
    ),
    possible=(Talk(name="resend", server=b"\x00\x08\x00\x00\x0b\x00\x00\x00"),),
    almost=(
        Talk(name="kafka", client=b"\x00\x00\x00\x54\x00\x03\x00\x05" + bytes(20)),
        Talk(name="version 1", client=CONNECT.replace(b"\x01\x39", b"\x00\x01")),
    ),
)
