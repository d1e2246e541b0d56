"""Bytes that look like one protocol and are another: every row of the collision table.

Each row names what the bytes are, what they look like, and that the two are told apart.
"""

from __future__ import annotations

import pytest

from sniffdiag.identify.detectors import DETECTORS
from sniffdiag.identify.verdict import Answer, Heads, Sample, Side

BY_PROTOCOL = {detector.protocol: detector for detector in DETECTORS}

POSTGRES_STARTUP = b"\x00\x00\x00\x54\x00\x03\x00\x00user\x00p" + b"o" * 73
ZOOKEEPER_CONNECT = (
    b"\x00\x00\x00\x2d" + bytes(14) + b"\x75\x30" + bytes(8) + b"\x00\x00\x00\x10" + bytes(17)
)
# Its protocol version 0 reads as an echo of correlation id 0.
ZOOKEEPER_ANSWER = b"\x00\x00\x00\x25" + bytes(6) + b"\x75\x30" + bytes(8) + b"\x00\x00\x00\x10"
SOCKS4 = b"\x04\x01\x00\x50\x0a\x00\x00\x01root\x00"
SOCKS5 = b"\x05\x01\x00\x05\x01\x00\x01\x0a\x00\x00\x01\x00\x50"
SOCKS5_REPLY = b"\x05\x00\x05\x00\x00\x01\x0a\x00\x00\x01\x00\x50"
CQL4_STARTUP = b"\x04\x01\x00\x01\x01\x00\x00\x00\x16\x00\x01\x00\x0bCQL_VERSION\x00\x053.0.0"
CQL5_OPTIONS = b"\x05\x00\x00\x01\x05\x00\x00\x00\x00"
CQL5_SUPPORTED = b"\x85\x00\x00\x01\x06\x00\x00\x00\x11\x00\x01\x00\x0bCQL_VERSION\x00\x00"
SSLV2_HELLO = b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10" + bytes(range(37))
MEMCACHED_GET = b"\x80\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x03" + bytes(12) + b"key"
MEMCACHED_ANSWER = b"\x81\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x06" + bytes(12) + bytes(6)
THRIFT_CALL = b"\x80\x01\x00\x01\x00\x00\x00\x04ping\x00\x00\x00\x01\x00"
RTMP_HELLO = b"\x03" + bytes(8) + b"r" * 1528
RDP_REQUEST = b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
KAFKA_256 = b"\x00\x00\x01\x00\x00\x03\x00\x05\x00\x00\x00\x01\x00\x04shop" + bytes(242)
DSI_TICKLE = b"\x00\x05\x00\x0e" + bytes(12)
KAFKA_ECHO = b"\x00\x00\x00\x08\x00\x00\x00\x01" + bytes(4)
MONGO = (
    b"\x25\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xdd\x07\x00\x00\x00\x00\x00\x00\x00"
    b"\x10\x00\x00\x00\x10ping\x00\x01\x00\x00\x00\x00"
)

ROWS = [
    pytest.param(POSTGRES_STARTUP, b"", "postgres", "kafka", id="postgres startup, kafka metadata"),
    pytest.param(
        ZOOKEEPER_CONNECT, ZOOKEEPER_ANSWER, "zookeeper", "kafka", id="zookeeper, kafka produce 0"
    ),
    pytest.param(SOCKS4, b"\x00\x5a" + bytes(6), "socks", "cassandra", id="socks4, cql 4"),
    pytest.param(CQL4_STARTUP, b"", "cassandra", "socks", id="cql 4, socks4"),
    pytest.param(CQL5_OPTIONS, CQL5_SUPPORTED, "cassandra", "socks", id="cql 5, socks5"),
    pytest.param(SOCKS5, SOCKS5_REPLY, "socks", "cassandra", id="socks5, cql 5"),
    pytest.param(SSLV2_HELLO, b"", None, "memcached", id="sslv2, memcached binary"),
    pytest.param(SSLV2_HELLO, b"", None, "thrift", id="sslv2, thrift strict"),
    pytest.param(MEMCACHED_GET, MEMCACHED_ANSWER, "memcached", "thrift", id="memcached, thrift"),
    pytest.param(MEMCACHED_GET, MEMCACHED_ANSWER, "memcached", "tls", id="memcached, sslv2"),
    pytest.param(THRIFT_CALL, b"", "thrift", "memcached", id="thrift strict, memcached"),
    pytest.param(THRIFT_CALL, b"", "thrift", "tls", id="thrift strict, sslv2"),
    pytest.param(b"CAPA\r\n", b"+OK\r\n", "pop3", "redis", id="pop3 +OK, redis"),
    pytest.param(b"PING\r\n", b"+PONG\r\n", "redis", "nats", id="redis ping, nats ping"),
    pytest.param(b"PING\r\n", b"PONG\r\n", "nats", "redis", id="nats ping, redis ping"),
    pytest.param(b"EHLO a\r\n", b"220 a\r\n", "smtp", "ftp", id="220 and EHLO, ftp"),
    pytest.param(b"USER a\r\n", b"220 a\r\n", "ftp", "smtp", id="220 and USER, smtp"),
    pytest.param(RTMP_HELLO, RTMP_HELLO, "rtmp", "rdp", id="rtmp, tpkt"),
    pytest.param(RDP_REQUEST, b"", "rdp", "rtmp", id="tpkt, rtmp"),
    pytest.param(b"GET x\r\n", b"$1\r\na\r\n", "redis", "memcached", id="redis get, memcached get"),
    pytest.param(b"get x\r\n", b"END\r\n", "memcached", "redis", id="memcached get, redis get"),
    pytest.param(b"GET /x\r\n", b"", None, "redis", id="http/0.9, redis inline"),
    pytest.param(PREFACE, b"", "http2", "http", id="http/2 preface, http/1 grammar"),
    pytest.param(KAFKA_256, KAFKA_ECHO, "kafka", "http2", id="length of 256, http/2 data header"),
    pytest.param(DSI_TICKLE, DSI_TICKLE, None, "kafka", id="afp keep-alive, kafka request 0"),
    pytest.param(MONGO, b"", "mongo", "http2", id="mongo's zeros, http/2 settings"),
    pytest.param(MONGO, b"", "mongo", "mysql", id="mongo, mysql packet"),
]


@pytest.mark.parametrize(("client", "server", "is_one", "looks_like"), ROWS)
def test_look_alikes_are_told_apart(
    client: bytes, server: bytes, is_one: str | None, looks_like: str
) -> None:
    heads = Heads(Side(client, from_start=True), Side(server, from_start=True))
    claims = (Answer.POSSIBLE, Answer.CERTAIN)
    assert BY_PROTOCOL[looks_like].probe(heads).answer not in claims
    if is_one is not None:
        assert BY_PROTOCOL[is_one].probe(heads).answer is Answer.CERTAIN


def test_segments_that_begin_with_a_letter_and_a_huge_length_are_no_postgres() -> None:
    # EtherNet/IP's SendUnitData: 70 00, and its length in little endian.
    segments = [b"\x70\x00\x1c\x00" + bytes([number]) + bytes(40) for number in range(1, 7)]
    later = tuple(Sample(100 * at, data, whole=True) for at, data in enumerate(segments[1:], 1))
    heads = Heads(Side(segments[0], samples=later), Side())
    assert BY_PROTOCOL["postgres"].probe(heads).answer is Answer.NEED_MORE


@pytest.mark.parametrize(
    ("server", "both_possible"),
    [
        pytest.param(b"220 ready\r\n", ("smtp", "ftp"), id="bare 220"),
        pytest.param(b"+OK\r\n", ("redis", "pop3"), id="bare +OK"),
    ],
)
def test_a_line_that_two_protocols_share_is_never_certain_alone(
    server: bytes, both_possible: tuple[str, str]
) -> None:
    heads = Heads(Side(), Side(server, from_start=True))
    answers = {protocol: BY_PROTOCOL[protocol].probe(heads).answer for protocol in both_possible}
    assert set(answers.values()) == {Answer.POSSIBLE}
