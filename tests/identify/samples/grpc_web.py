"""gRPC-Web over both HTTP versions."""

from __future__ import annotations

from tests.support import h2
from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="grpc-web",
    certain=(
        Talk(
            name="over http/1",
            client=b"POST /a.B/C HTTP/1.1\r\nContent-Type: application/grpc-web+proto\r\n\r\n",
            server=b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc-web+proto\r\n\r\n",
        ),
        Talk(
            name="text, over http/1, answer alone",
            server=b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc-web-text\r\n\r\n",
        ),
        Talk(
            name="over http/2",
            client=h2.PREFACE + h2.headers(h2.POST_HTTP + h2.HUFFMAN_GRPC_WEB_PROTO),
        ),
        Talk(name="plain, over http/2", client=h2.PREFACE + h2.headers(h2.PLAIN_GRPC_WEB)),
    ),
    almost=(
        Talk(name="grpc", client=h2.PREFACE + h2.headers(h2.POST_HTTP + h2.HUFFMAN_GRPC)),
        Talk(name="json", client=b"POST / HTTP/1.1\r\nContent-Type: application/json\r\n\r\n"),
    ),
)
