"""RTSP and its interleaved media."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

OPTIONS = b"OPTIONS rtsp://shop/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n"
MEDIA = b"$\x00\x00\x0c\x80\x60" + bytes(10)

SAMPLES = Samples(
    protocol="rtsp",
    certain=(
        Talk(name="options", client=OPTIONS, server=b"RTSP/1.0 200 OK\r\n\r\n"),
        Talk(name="answer alone", server=b"RTSP/1.0 401 Unauthorized\r\n"),
        Talk(name="media, both sides, joined", client=MEDIA * 3, server=MEDIA * 3, midstream=True),
    ),
    possible=(Talk(name="media, joined", server=MEDIA * 3, midstream=True),),
    almost=(
        Talk(name="http", client=b"OPTIONS / HTTP/1.1\r\n\r\n", server=b"HTTP/1.1 200 OK\r\n"),
        Talk(name="sip", client=b"OPTIONS sip:a SIP/2.0\r\n"),
    ),
)
