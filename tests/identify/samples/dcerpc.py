"""DCE/RPC: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="dcerpc",
    certain=(
        Talk(name="bind", client=b"\x05\x00\x0b\x03\x10\x00\x00\x00\x48\x00\x00\x00" + bytes(60)),
    ),
    almost=(Talk(name="socks5", client=b"\x05\x01\x00\x05\x01\x00\x01" + bytes(6)),),
)
