"""PPTP."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

START = (
    b"\x00\x9c\x00\x01\x1a\x2b\x3c\x4d\x00\x01\x00\x00\x01\x00\x00\x00"
    b"\x00\x00\x00\x03\x00\x00\x00\x03\xff\xff\x00\x01" + b"local".ljust(64, b"\x00") + bytes(64)
)

SAMPLES = Samples(
    protocol="pptp",
    certain=(Talk(name="start", client=START, server=START),),
    almost=(
        Talk(name="another cookie", client=START.replace(b"\x4d", b"\x4e")),
        Talk(name="zeros", client=bytes(156)),
    ),
)
