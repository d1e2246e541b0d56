"""memcached: text and binary, over TCP."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SET = b"set key 0 60 5\r\nhello\r\n"
VALUE = b"VALUE key 0 5\r\nhello\r\nEND\r\n"


def binary(magic: int, opcode: int, key: bytes = b"", extras: bytes = b"") -> bytes:
    body = extras + key
    head = bytes([magic, opcode]) + len(key).to_bytes(2) + bytes([len(extras), 0, 0, 0])
    return head + len(body).to_bytes(4) + bytes(12) + body


SAMPLES = Samples(
    protocol="memcached",
    certain=(
        Talk(name="set", client=SET, server=b"STORED\r\n"),
        Talk(name="set alone", client=SET),
        Talk(name="get", client=b"get key\r\n", server=VALUE),
        Talk(name="value alone", server=VALUE),
        Talk(name="stats", client=b"stats\r\n", server=b"STAT pid 1\r\nEND\r\n"),
        Talk(name="get missed", client=b"get key\r\n", server=b"END\r\n"),
        Talk(name="binary", client=binary(0x80, 0, b"key"), server=binary(0x81, 0, b"", bytes(4))),
        Talk(name="binary requests", client=binary(0x80, 0, b"key") * 2),
    ),
    possible=(
        Talk(name="get alone", client=b"get key\r\n"),
        Talk(name="one binary request", client=binary(0x80, 0, b"key")),
    ),
    almost=(
        Talk(name="redis inline", client=b"GET key\r\n", server=b"$-1\r\n"),
        Talk(name="thrift strict", client=b"\x80\x01\x00\x01\x00\x00\x00\x04ping" + bytes(8)),
        Talk(name="sslv2-format hello", client=b"\x80\x2e\x01\x03\x01\x00\x15" + bytes(39)),
        Talk(
            name="http",
            client=b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            server=b"HTTP/1.1 200 OK\r\n\r\n",
        ),
        Talk(name="binary with a short body", client=b"\x80\x01\x00\x03\x08" + bytes(19)),
    ),
)
