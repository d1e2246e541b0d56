"""ZeroMQ: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="zmtp",
    certain=(Talk(name="greeting", client=b"\xff" + bytes(7) + b"\x01\x7f\x03\x00NULL"),),
    almost=(
        Talk(name="telnet", client=b"\xff\xfb\x01\xff\xfb\x03\xff\xfd\x18"),
        Talk(name="bgp", client=b"\xff" * 16 + b"\x00\x1d\x01"),
    ),
)
