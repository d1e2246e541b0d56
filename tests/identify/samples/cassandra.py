"""CQL: opening, answers, joined frames, and SOCKS."""

from __future__ import annotations

from tests.support.samples import Samples, Talk


def frame(version: int, opcode: int, body: bytes = b"") -> bytes:
    return bytes([version, 0, 0, 1, opcode]) + len(body).to_bytes(4) + body


STARTUP = frame(4, 1, b"\x00\x01\x00\x0bCQL_VERSION\x00\x053.0.0")
OPTIONS = frame(4, 5)
SUPPORTED = frame(
    0x84, 6, b"\x00\x02\x00\x0bCOMPRESSION\x00\x01\x00\x03lz4\x00\x0bCQL_VERSION\x00\x00"
)
AUTHENTICATE = frame(0x84, 3, b"\x00\x2forg.apache.cassandra.auth.PasswordAuthenticator")
QUERY = frame(4, 7, b"\x00\x00\x00\x18SELECT * FROM shop.carts" + bytes(3))
EXECUTE, RESULT = frame(4, 10, bytes(24)), frame(0x84, 8, bytes(8))

SAMPLES = Samples(
    protocol="cassandra",
    certain=(
        Talk(name="startup", client=STARTUP, server=frame(0x84, 2)),
        Talk(name="startup of version 1", client=b"\x01\x00\x00\x01" + STARTUP[5:]),
        Talk(name="options", client=OPTIONS, server=SUPPORTED),
        Talk(name="supported alone", server=SUPPORTED),
        Talk(name="authenticate", server=AUTHENTICATE),
        Talk(name="query, joined", client=QUERY, midstream=True),
        Talk(name="executes, joined", client=EXECUTE * 3, server=RESULT * 3, midstream=True),
    ),
    possible=(
        Talk(name="options alone", client=OPTIONS),
        Talk(name="ready alone", server=frame(0x84, 2)),
    ),
    almost=(
        Talk(
            name="socks4",
            client=b"\x04\x01\x00\x50\x0a\x00\x00\x01root\x00",
            server=b"\x00\x5a" + bytes(6),
        ),
        Talk(
            name="socks5",
            client=b"\x05\x01\x00\x05\x01\x00\x01" + bytes(6),
            server=b"\x05\x00\x05\x00\x00\x01" + bytes(6),
        ),
        Talk(
            name="startup without its version", client=frame(4, 1, b"\x00\x01\x00\x03FOO\x00\x00")
        ),
    ),
)
