"""CoAP: a request with a path, alone and answered."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

GET = b"\x43\x01\x05\xca\x72\x16\x33\xbb.well-known\x04core"
CONTENT = b"\x63\x45\x05\xca\x72\x16\x33\xc1\x28\xff</a>"

SAMPLES = Samples(
    protocol="coap",
    transport=Transport.UDP,
    certain=(
        Talk(name="get", client=GET, server=CONTENT),
        Talk(
            name="host before path", client=b"\x40\x02\x00\x01\x34shop\x81a", server=b"\x60\0\0\1"
        ),
    ),
    possible=(
        Talk(name="request alone", client=GET),
        Talk(name="long path", client=b"\x40\x01\x00\x01\xbd\x07" + b"a" * 20),
    ),
    almost=(
        Talk(name="version 2", client=b"\x83" + GET[1:]),
        Talk(name="token of 9 bytes", client=b"\x49" + GET[1:]),
        Talk(name="no path", client=b"\x40\x01\x00\x01\xff\x01\x02"),
        Talk(name="unknown option", client=b"\x40\x01\x00\x01\xa1\x00\x11a"),
        Talk(name="path that is no text", client=b"\x40\x01\x00\x01\xb3\x00\x01\x02"),
        Talk(name="answer alone", server=CONTENT),
    ),
)
