"""Dubbo 2: requests, responses, heartbeats."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

REQUEST = b"\xda\xbb\xc2\x00" + bytes(7) + b"\x01\x00\x00\x00\x052.0.2"
RESPONSE = b"\xda\xbb\x02\x14" + bytes(7) + b"\x01\x00\x00\x00\x01\x91"
HEARTBEAT = b"\xda\xbb\xe2\x00" + bytes(7) + b"\x02\x00\x00\x00\x01N"

SAMPLES = Samples(
    protocol="dubbo",
    certain=(
        Talk(name="request", client=REQUEST, server=RESPONSE),
        Talk(name="request alone", client=REQUEST),
        Talk(name="response alone", server=RESPONSE),
        Talk(name="heartbeat, joined", client=HEARTBEAT, midstream=True),
    ),
    almost=(
        Talk(name="status 99", server=b"\xda\xbb\x02\x63" + bytes(12)),
        Talk(name="huge body", client=b"\xda\xbb\xc2\x00" + bytes(8) + b"\x7f\x00\x00\x00"),
        Talk(name="magic alone", client=b"\xda\xbc\xc2\x00" + bytes(12)),
    ),
)
