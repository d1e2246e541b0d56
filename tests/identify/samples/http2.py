"""HTTP/2 in clear: prior knowledge, upgrade, joined mid-stream."""

from __future__ import annotations

from tests.support import h2
from tests.support.samples import Samples, Talk

GET = h2.headers(b"\x82\x86\x84", flags=5)

SAMPLES = Samples(
    protocol="http2",
    certain=(
        Talk(
            name="prior knowledge",
            client=h2.PREFACE + h2.SETTINGS + GET,
            server=h2.SETTINGS + h2.SETTINGS_ACK + h2.headers(h2.STATUS_200),
        ),
        Talk(name="preface alone", client=h2.PREFACE),
        Talk(name="preface behind a handshake not captured", client=h2.PREFACE, midstream=True),
        Talk(name="server alone", server=h2.EMPTY_SETTINGS + h2.SETTINGS_ACK),
        Talk(name="server settings alone", server=h2.SETTINGS),
        Talk(
            name="h2c upgrade",
            client=b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n" + h2.PREFACE,
            server=b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + h2.SETTINGS,
        ),
        Talk(name="joined at frames", client=GET + h2.WINDOW_UPDATE, midstream=True),
        Talk(
            name="joined inside a body",
            server=b"rest of a body" + h2.WINDOW_UPDATE + h2.PING_ACK,
            midstream=True,
        ),
        Talk(
            name="joined in a bulk of data",
            server=h2.data(b"x" * 40) + h2.data(b"y" * 40) + h2.data(b"z" * 9),
            midstream=True,
        ),
    ),
    possible=(
        Talk(name="first line of the preface", client=h2.PREFACE[:18]),
        Talk(name="empty settings alone", server=h2.EMPTY_SETTINGS),
    ),
    almost=(
        Talk(
            name="an XDR number 4 and zeros",
            server=h2.EMPTY_SETTINGS + b"\0\0\1\0\x82\x14\xe0\x5b\0\1",
        ),
        Talk(name="http/1", client=b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Talk(name="zeros", client=bytes(64), server=bytes(64)),
        Talk(name="zeros joined", client=bytes(64), server=bytes(64), midstream=True),
        Talk(name="a preface of another version", client=b"PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n"),
        Talk(name="settings on a stream", server=h2.frame(4, bytes(6), stream=1) + bytes(9)),
        Talk(
            name="4-byte lengths, 256 and 512",
            client=b"\x00\x00\x01\x00"
            + b"\x00\x00\x00\x01" * 64
            + b"\x00\x00\x02\x00"
            + bytes(512),
            midstream=True,
        ),
        Talk(
            name="upgrade declined",
            client=b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n",
            server=b"HTTP/1.1 200 OK\r\n\r\n",
        ),
    ),
)
