"""Patterns see bytes that somebody may have chosen: none takes time out of proportion.

A packet of 4 KB with `Host:` and spaces once took minutes.
"""

from __future__ import annotations

import time

import pytest

from sniffdiag.identify.exchanges import exchanges
from sniffdiag.identify.resolve import identify
from sniffdiag.identify.verdict import Heads, Side
from sniffdiag.marks.messages import first_request, first_response
from sniffdiag.model import Transport

LENGTH = 16 * 1024
REQUEST, RESPONSE = b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n"
HOSTILE = {
    "spaces for a host": (REQUEST + b"Host:", b" "),
    "tabs for a type": (REQUEST + b"Content-Type:", b"\t"),
    "spaces for a length": (RESPONSE + b"Content-Length:", b" "),
    "empty lines": (b"X" + REQUEST, b"\n"),
    "empty lines first": (b"", b"\r\n"),
    "status lines without end": (b"", b"HTTP/1.1 200"),
    "request lines without end": (b"", b"GET / HTTP/1.1"),
    "a name without colon": (REQUEST, b"a"),
    "methods": (b"", b"GET /"),
    "path parameters": (b"GET /", b";a/"),
    "userinfo": (b"GET http:", b"//a"),
    "a word that is nearly a token": (b"GET /", b"aA"),
    "tokens": (b"GET /", b"eyJaaaaaaaa."),
    "grpc's words": (b"", b"application/grpc"),
    "a greeting without end": (b"220 ", b"ESMT"),
}


@pytest.mark.parametrize("from_start", [True, False])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_time_is_in_proportion(hostile: str, from_start: bool) -> None:  # noqa: FBT001
    begin, again = HOSTILE[hostile]
    data = (begin + again * LENGTH)[:LENGTH] + b" HTTP/1.1\r\nA: b\r\n\r\n"
    side = Side(data, from_start=from_start)
    heads = Heads(client=side, server=side)
    began = time.process_time()
    identify(heads, Transport.TCP, oriented=False)
    exchanges(heads)
    for read in (first_request, first_response):
        read(side, is_http2=False)
    assert time.process_time() - began < 1.0
