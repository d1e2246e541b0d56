"""OpenVPN: its fixed beginning."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="openvpn",
    transport=Transport.UDP,
    certain=(
        Talk(
            name="resets",
            client=b"\x38" + bytes(range(8)) + bytes(5),
            server=b"\x40" + bytes(range(8)) + b"\x01" + bytes(16),
        ),
    ),
    almost=(Talk(name="one byte", client=b"\x38" + b"x" * 20),),
)
