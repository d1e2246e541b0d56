"""DNP3: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="dnp3",
    certain=(
        Talk(
            name="both",
            client=b"\x05\x64\x08\xc4" + bytes(8),
            server=b"\x05\x64\x0a\x44" + bytes(8),
        ),
    ),
    almost=(Talk(name="socks5", client=b"\x05\x01\x00"),),
)
