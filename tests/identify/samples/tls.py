"""TLS: hellos, alerts, records joined mid-stream."""

from __future__ import annotations

from tests.support import hellos
from tests.support.samples import Samples, Talk

BIG = hellos.record(
    22,
    hellos.client_hello(hellos.extension(51, bytes(1200)), hellos.sni(b"late.shop")),
    version=0x0301,
)

SAMPLES = Samples(
    protocol="tls",
    certain=(
        Talk(name="1.2", client=hellos.CLIENT_HELLO, server=hellos.SERVER_HELLO_12),
        Talk(name="1.3", client=hellos.CLIENT_HELLO, server=hellos.SERVER_HELLO_13),
        Talk(name="client hello alone, cut", client=hellos.CLIENT_HELLO[:60]),
        Talk(name="post-quantum hello", client=BIG),
        Talk(name="server hello alone", server=hellos.SERVER_HELLO_13),
        Talk(name="alert alone", server=hellos.ALERT),
        Talk(name="hello, then alert", client=hellos.CLIENT_HELLO, server=hellos.ALERT),
        Talk(name="sslv2-format hello", client=hellos.SSLV2_HELLO, server=hellos.SERVER_HELLO_12),
        Talk(name="joined at records", client=hellos.APPLICATION_DATA * 2, midstream=True),
        Talk(
            name="joined inside a record",
            server=bytes(range(33)) + hellos.APPLICATION_DATA * 2,
            midstream=True,
        ),
    ),
    possible=(Talk(name="joined at one record", client=hellos.APPLICATION_DATA, midstream=True),),
    almost=(
        Talk(name="dtls", client=b"\x16\xfe\xfd\x00\x00" + bytes(20)),
        Talk(name="version 3.9", client=b"\x16\x03\x09\x00\x30\x01" + bytes(20)),
        Talk(name="sslv2 with a wrong sum", client=hellos.SSLV2_HELLO.replace(b"\x1f", b"\x20", 1)),
        Talk(name="memcached binary", client=b"\x80\x0a\x00\x00\x00\x00\x00\x00" + bytes(16)),
        Talk(name="text", client=b"GET / HTTP/1.1\r\n", server=b"HTTP/1.1 400 Bad Request\r\n"),
    ),
)
