"""gRPC with and without the first request's headers."""

from __future__ import annotations

from tests.support import h2
from tests.support.samples import Samples, Talk

REQUEST = h2.headers(h2.POST_HTTP + h2.HUFFMAN_GRPC) + h2.data(h2.message(b"\x0a\x01a"), flags=1)
ANSWER = (
    h2.headers(h2.STATUS_200 + h2.HUFFMAN_GRPC)
    + h2.data(h2.message(b"\x0a\x01b"))
    + h2.headers(h2.GRPC_STATUS_0, flags=5)
)

SAMPLES = Samples(
    protocol="grpc",
    certain=(
        Talk(name="unary", client=h2.PREFACE + h2.SETTINGS + REQUEST, server=h2.SETTINGS + ANSWER),
        Talk(
            name="application/grpc+proto",
            client=h2.PREFACE + h2.headers(h2.POST_HTTP + h2.HUFFMAN_GRPC_PROTO),
        ),
        Talk(name="plain", client=h2.PREFACE + h2.headers(h2.POST_HTTP + h2.PLAIN_GRPC)),
        Talk(name="answer alone", server=h2.SETTINGS + ANSWER),
        Talk(name="joined at the first request", client=REQUEST, midstream=True),
    ),
    possible=(
        Talk(
            name="joined later, message fits its frame",
            client=h2.headers(b"\x83\x86\xc1\xc0") + h2.data(h2.message(b"\x0a\x01a"), flags=1),
            midstream=True,
        ),
        Talk(
            name="status trailer of a dynamic content-type",
            server=h2.SETTINGS + h2.headers(b"\x88\xbf") + h2.headers(h2.GRPC_STATUS_0, flags=5),
        ),
    ),
    almost=(
        Talk(name="plain http/2", client=h2.PREFACE + h2.SETTINGS + h2.headers(b"\x82\x86\x84")),
        Talk(
            name="grpc-web",
            client=h2.PREFACE + h2.headers(h2.POST_HTTP + h2.HUFFMAN_GRPC_WEB_PROTO),
        ),
        Talk(
            name="a body that talks of it",
            client=h2.PREFACE + h2.headers(b"\x83\x86\x84") + h2.data(b'{"a":"application/grpc"}'),
        ),
        Talk(
            name="over http/1", client=b"POST / HTTP/1.1\r\nContent-Type: application/grpc\r\n\r\n"
        ),
    ),
)
