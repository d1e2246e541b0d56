"""Elasticsearch transport."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

HEADER = b"ES\x00\x00\x00\x2e" + bytes(7) + b"\x01\x08\x00\x7a\x12\x03" + bytes(30)
PING = b"ES\xff\xff\xff\xff"

SAMPLES = Samples(
    protocol="elasticsearch",
    certain=(
        Talk(name="handshake", client=HEADER, server=HEADER.replace(b"\x08\x00", b"\x09\x00")),
        Talk(name="joined", client=HEADER, midstream=True),
        Talk(name="pings", client=PING, server=PING),
    ),
    possible=(Talk(name="ping", client=PING),),
    almost=(
        Talk(name="text", client=b"ESTABLISHED connections to the shop\r\n"),
        Talk(name="version 5", client=HEADER.replace(b"\x7a\x12\x03", bytes(3))),
    ),
)
