"""STUN, with and without the cookie."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

BINDING = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(range(12))
CLASSIC = b"\x00\x01\x00\x08" + bytes(range(16)) + b"\x00\x03\x00\x04" + bytes(4)
CLASSIC_ANSWER = b"\x01\x01\x00\x0c" + bytes(range(16)) + b"\x00\x01\x00\x08" + bytes(8)

SAMPLES = Samples(
    protocol="stun",
    transport=Transport.UDP,
    certain=(
        Talk(name="binding", client=BINDING, server=b"\x01\x01" + BINDING[2:]),
        Talk(name="answer alone", server=b"\x01\x01" + BINDING[2:]),
        Talk(name="rfc 3489", client=CLASSIC, server=CLASSIC_ANSWER),
    ),
    possible=(Talk(name="rfc 3489 request alone", client=CLASSIC),),
    almost=(
        Talk(name="length not in words", client=b"\x00\x01\x00\x03" + BINDING[4:]),
        Talk(name="high type bits", client=b"\x80" + BINDING[1:]),
    ),
)
