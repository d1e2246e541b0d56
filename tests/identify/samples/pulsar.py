"""Pulsar."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

CONNECT = b"\x00\x00\x00\x10\x00\x00\x00\x0c\x08\x02\x12\x08\x0a\x062.11.0"
PING = b"\x00\x00\x00\x09\x00\x00\x00\x05\x08\x12\x92\x01\x00"

SAMPLES = Samples(
    protocol="pulsar",
    certain=(
        Talk(
            name="connect",
            client=CONNECT,
            server=b"\x00\x00\x00\x10\x00\x00\x00\x0c\x08\x03\x1a\x08\x0a\x062.11.0",
        ),
        Talk(name="ping, joined", client=PING, midstream=True),
    ),
    almost=(
        Talk(name="type and tag that differ", client=CONNECT.replace(b"\x02\x12", b"\x02\x1a")),
        Talk(name="kafka", client=b"\x00\x00\x00\x10\x00\x03\x00\x05" + bytes(20)),
    ),
)
