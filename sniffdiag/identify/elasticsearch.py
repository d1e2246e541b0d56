"""Elasticsearch and OpenSearch transport protocol, between nodes. REST is plain HTTP.

Follows org.elasticsearch.transport.TcpHeader.
"""

from __future__ import annotations

from sniffdiag.identify.clue import anywhere, hint, one_of, probe_sides, proof
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Literal, be32, byte
from sniffdiag.model import Transport

MARKER = b"ES"
STATUS = range(16)
"""Request or response, error, compressed, handshake."""
# Version ids are major, minor, revision, build, two digits each; later ones count on, OpenSearch
# flips a high bit.
VERSIONS = range(1_000_000, 0x0FFFFFFF)
HEADER: Layout = (
    Literal(0, MARKER),
    be32(2, range(13, 1 << 30)),
    byte(14, STATUS),
    be32(15, VERSIONS),
)
PING: Layout = (Literal(0, MARKER + b"\xff\xff\xff\xff"),)
_message = one_of(
    (HEADER, proof("Elasticsearch transport header")),
    (PING, hint("an Elasticsearch transport ping")),
)
_side = anywhere(_message, _message)

DETECTOR = Detector(
    protocol="elasticsearch",
    title="Elasticsearch transport",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(_side, _side),
    evidence="ES marker, length, status and version id.",
    midstream=True,
)
