"""EtherNet/IP: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="enip",
    certain=(Talk(name="register", client=b"\x65\x00\x04\x00" + bytes(20) + b"\x01\x00\x00\x00"),),
    almost=(Talk(name="text", client=b"each of the shops is open today"),),
)
