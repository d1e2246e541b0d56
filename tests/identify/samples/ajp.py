"""AJP13."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

FORWARD = b"\x12\x34\x00\x20\x02\x02\x00\x08HTTP/1.1\x00\x00\x01/"

SAMPLES = Samples(
    protocol="ajp",
    certain=(
        Talk(name="request", client=FORWARD, server=b"AB\x00\x06\x04\x00\xc8\x00\x02OK"),
        Talk(name="request alone", client=FORWARD),
        Talk(name="ping", client=b"\x12\x34\x00\x01\x0a", server=b"AB\x00\x01\x09"),
    ),
    possible=(Talk(name="headers alone", server=b"AB\x00\x06\x04\x00\xc8\x00\x02OK"),),
    almost=(
        Talk(name="method 99", client=FORWARD.replace(b"\x02\x02\x00", b"\x02\x63\x00")),
        Talk(name="text", server=b"ABBA is a group"),
    ),
)
