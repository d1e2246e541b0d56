"""RTMP: handshake, echo, connect."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

C1 = bytes(8) + bytes(range(256)) * 5 + bytes(range(248))
S1 = bytes(8) + bytes(reversed(range(256))) * 5 + bytes(248)
CONNECT = b"\x03\x00\x00\x00\x00\x00\x80\x14\x00\x00\x00\x00\x02\x00\x07connect"

SAMPLES = Samples(
    protocol="rtmp",
    certain=(
        Talk(
            name="handshake and connect",
            client=b"\x03" + C1 + S1 + CONNECT,
            server=b"\x03" + S1 + C1,
        ),
        Talk(name="echoed", client=b"\x03" + C1, server=b"\x03" + S1 + C1),
    ),
    possible=(Talk(name="one handshake block", client=b"\x03" + C1),),
    almost=(
        Talk(
            name="tpkt",
            client=b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x0b\x00\x00\x00",
        ),
        Talk(name="cql 3", client=b"\x03\x00\x00\x01\x05\x00\x00\x00\x00"),
    ),
)
