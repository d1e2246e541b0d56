"""OPC UA."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

HELLO = b"HELF\x38\x00\x00\x00" + bytes(48)

SAMPLES = Samples(
    protocol="opcua",
    certain=(
        Talk(name="hello", client=HELLO, server=b"ACKF\x1c\x00\x00\x00" + bytes(20)),
        Talk(name="hello alone", client=HELLO),
    ),
    almost=(
        Talk(name="hello of another length", client=b"HELF" + b"\xff" * 28),
        Talk(name="text", client=b"HELP\r\n"),
    ),
)
