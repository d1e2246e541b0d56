"""TLS: hellos, alerts, records joined mid-stream."""

from __future__ import annotations

from tests.support import hellos
from tests.support.samples import Samples, Talk

BIG = hellos.record(
    22,
    hellos.client_hello(hellos.extension(51, bytes(1200)), hellos.sni(b"late.shop")),
    version=0x0301,
)

HELLO = hellos.client_hello(hellos.sni(b"a.shop"))
ANSWER = hellos.server_hello()


def crumbs(message: bytes) -> bytes:
    """A handshake message with a record for each byte, as some evade inspection."""
    return b"".join(hellos.record(22, bytes([value])) for value in message)


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
        Talk(name="sslv2 itself", client=hellos.SSLV2_HELLO.replace(b"\x03\x01", b"\x00\x02", 1)),
        Talk(name="hello in records of one byte", client=crumbs(HELLO), server=crumbs(ANSWER)),
        Talk(
            name="hello's header alone in a record",
            client=hellos.record(22, HELLO[:4]) + hellos.record(22, HELLO[4:]),
        ),
        Talk(name="joined at records", client=hellos.APPLICATION_DATA * 2, midstream=True),
        Talk(
            name="joined inside a record",
            server=bytes(range(33)) + hellos.APPLICATION_DATA * 2,
            midstream=True,
        ),
    ),
    possible=(
        Talk(name="hello cut inside its header", client=hellos.CLIENT_HELLO[:8]),
        Talk(name="joined at one record", client=hellos.APPLICATION_DATA, midstream=True),
    ),
    almost=(
        Talk(name="dtls", client=b"\x16\xfe\xfd\x00\x00" + bytes(20)),
        Talk(name="another message in crumbs", client=crumbs(b"\x01\x09" + HELLO[2:])),
        Talk(name="version 3.9", client=b"\x16\x03\x09\x00\x30\x01" + bytes(20)),
        Talk(name="sslv2 with a wrong sum", client=hellos.SSLV2_HELLO.replace(b"\x1f", b"\x20", 1)),
        Talk(name="memcached binary", client=b"\x80\x0a\x00\x00\x00\x00\x00\x00" + bytes(16)),
        Talk(name="text", client=b"GET / HTTP/1.1\r\n", server=b"HTTP/1.1 400 Bad Request\r\n"),
    ),
)
