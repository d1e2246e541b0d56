"""RADIUS."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

ACCESS = b"\x01\x07\x00\x25" + bytes(16) + b"\x01\x06shop" + b"\x02\x0bpassword9"

DAMAGED = b"\x01\x07\x00\x2a" + ACCESS[4:] + b"\x04\x60\x7f\x00\x01"

SAMPLES = Samples(
    protocol="radius",
    transport=Transport.UDP,
    certain=(
        Talk(
            name="access request",
            client=ACCESS,
            server=b"\x02\x07\x00\x1e" + bytes(16) + b"\x12\x05hi!\x19\x05abc",
        ),
        Talk(name="request alone", client=ACCESS),
        Talk(
            name="ping and answer",
            client=b"\x0c\x01\x00\x14" + bytes(16),
            server=b"\x02\x01\x00\x14" + bytes(16),
        ),
    ),
    possible=(
        Talk(name="status server alone", client=b"\x0c\x01\x00\x14" + bytes(16)),
        Talk(name="last attribute damaged", client=DAMAGED),
    ),
    almost=(
        Talk(name="lengths that do not add up", client=ACCESS.replace(b"\x0bpass", b"\x0cpass")),
        Talk(name="damaged, of another length", client=DAMAGED + b"\x00"),
        Talk(name="code 77", client=b"\x4d" + ACCESS[1:]),
    ),
)
