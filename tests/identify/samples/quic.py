"""QUIC: versions 1, 2, drafts, Google, negotiation."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

IDS = b"\x08" + bytes(range(8)) + b"\x04" + bytes(4)
INITIAL = b"\xc3\x00\x00\x00\x01" + IDS + b"\x00\x44\x96" + bytes(1170)

SAMPLES = Samples(
    protocol="quic",
    transport=Transport.UDP,
    certain=(
        Talk(name="version 1", client=INITIAL),
        Talk(name="version 2", client=b"\xd3\x6b\x33\x43\xcf" + INITIAL[5:]),
        Talk(
            name="handshake packet", server=b"\xe3\x00\x00\x00\x01" + IDS + b"\x40\x40" + bytes(64)
        ),
        Talk(name="negotiation", server=b"\x80\x00\x00\x00\x00" + IDS + b"\x00\x00\x00\x01"),
        Talk(name="draft 29", client=b"\xc3\xff\x00\x00\x1d" + INITIAL[5:]),
        Talk(name="version 2, first draft", client=b"\xc3\xff\x02\x00\x00" + INITIAL[5:]),
        Talk(name="msquic", client=b"\xc3\xab\xcd\x00\x01" + INITIAL[5:]),
        Talk(name="retry", server=b"\xf0\x00\x00\x00\x01" + IDS + bytes(40)),
        Talk(
            name="google 43",
            client=b"\x0d" + bytes(8) + b"Q043\x01" + bytes(12) + b"\xa0\x01\x00\x04CHLO",
        ),
        Talk(name="google 50", client=b"\xc3Q050" + INITIAL[5:]),
    ),
    possible=(Talk(name="cut inside a token", client=INITIAL[:19] + b"\x40\x80" + bytes(10)),),
    almost=(
        Talk(name="unknown version", client=b"\xc3\x00\x00\x00\x07" + IDS + bytes(40)),
        Talk(name="connection id of 21 bytes", client=b"\xc3\x00\x00\x00\x01\x15" + bytes(80)),
        Talk(name="short header", client=b"\x43" + bytes(40)),
        Talk(name="rtp", client=b"\x80\x60\x00\x01" + bytes(40)),
    ),
)
