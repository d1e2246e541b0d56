"""RTP: one datagram is never enough; sequences are tested beside the detector."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

PACKET = b"\x80\x00\x00\x01\x00\x00\x00\xa0\xde\xad\xbe\xef" + bytes(160)

SAMPLES = Samples(
    protocol="rtp",
    transport=Transport.UDP,
    certain=(),
    possible=(Talk(name="one of each side", client=PACKET, server=PACKET),),
    almost=(
        Talk(name="filler", client=b"\xa0" * 64, server=b"\xa0" * 64),
        Talk(
            name="epoch and call of another protocol",
            client=b"\x97\x05\x85\x0d\xdf\xdc\xf3\xf8" + bytes(40),
            server=b"\x97\x05\x85\x0d\xdf\xdc\xf3\xf8" + bytes(40),
        ),
        Talk(name="one datagram", client=PACKET),
        Talk(name="version 1", client=b"\x40" + PACKET[1:]),
        Talk(name="rtcp", client=b"\x80\xc8\x00\x06" + bytes(24)),
    ),
)
