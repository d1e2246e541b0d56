"""WireGuard: indexes that answer each other."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

INITIATION = b"\x01\x00\x00\x00\xaa\xbb\xcc\xdd" + bytes(140)
RESPONSE = b"\x02\x00\x00\x00\x11\x22\x33\x44\xaa\xbb\xcc\xdd" + bytes(80)

SAMPLES = Samples(
    protocol="wireguard",
    transport=Transport.UDP,
    certain=(Talk(name="handshake", client=INITIATION, server=RESPONSE),),
    possible=(Talk(name="initiation alone", client=INITIATION),),
    almost=(
        Talk(name="reserved bytes", client=b"\x01\x00\x00\x01" + bytes(144)),
        Talk(name="too short", client=INITIATION[:147]),
        Talk(name="stun", client=b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)),
    ),
)
