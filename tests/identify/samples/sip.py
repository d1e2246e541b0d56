"""SIP over UDP."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

INVITE = b"INVITE sip:bob@shop SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n"

SAMPLES = Samples(
    protocol="sip",
    transport=Transport.UDP,
    certain=(
        Talk(name="invite", client=INVITE, server=b"SIP/2.0 100 Trying\r\n\r\n"),
        Talk(name="answer alone", server=b"SIP/2.0 200 OK\r\n\r\n"),
        Talk(name="register", client=b"REGISTER sips:shop SIP/2.0\r\n\r\n"),
        Talk(name="keep-alive first", client=b"\r\n\r\n" + INVITE),
    ),
    almost=(
        Talk(
            name="rtsp",
            client=b"OPTIONS rtsp://shop/ RTSP/1.0\r\n\r\n",
            server=b"RTSP/1.0 200 OK\r\n\r\n",
        ),
        Talk(name="http", client=b"GET sip:bob HTTP/1.1\r\n\r\n"),
    ),
)
