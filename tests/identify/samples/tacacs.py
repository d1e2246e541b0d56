"""TACACS+: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="tacacs",
    certain=(
        Talk(
            name="both",
            client=b"\xc0\x01\x01\x00" + bytes(4) + b"\x00\x00\x00\x20" + bytes(32),
            server=b"\xc0\x01\x02\x00" + bytes(4) + b"\x00\x00\x00\x10" + bytes(16),
        ),
    ),
    almost=(Talk(name="quic", client=b"\xc3\x00\x00\x00\x01" + bytes(20)),),
)
