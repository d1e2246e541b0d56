"""AJP13: web server to Tomcat. Follows "The Apache Tomcat Connector - AJP Protocol Reference"."""

from __future__ import annotations

from sniffdiag.identify.clue import anywhere, hint, one_of, probe_sides, proof
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Literal, be16, byte
from sniffdiag.model import Transport

LENGTHS = range(1, 65_537)
METHODS = range(1, 28)
STATUSES = range(100, 600)
FORWARD_REQUEST: Layout = (
    Literal(0, b"\x12\x34"),
    be16(2, LENGTHS),
    Literal(4, b"\x02"),
    byte(5, METHODS),
    Literal(6, b"\x00\x08HTTP/1."),
)
PING: Layout = (Literal(0, b"\x12\x34\x00\x01\x0a"),)
SEND_HEADERS: Layout = (
    Literal(0, b"AB"),
    be16(2, LENGTHS),
    Literal(4, b"\x04"),
    be16(5, STATUSES),
)
PONG: Layout = (Literal(0, b"AB\x00\x01\x09"),)
_client = one_of((FORWARD_REQUEST, proof("AJP13 forward request")), (PING, hint("an AJP13 CPing")))
_server = one_of((SEND_HEADERS, hint("AJP13 response headers")), (PONG, hint("an AJP13 CPong")))

DETECTOR = Detector(
    protocol="ajp",
    title="AJP13",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(anywhere(_client, _client), anywhere(_server, _server)),
    evidence="Magic 12 34, length and a forward request naming HTTP/1.x; CPing with CPong.",
    midstream=True,
)
