"""Apache Dubbo 2: a 16-byte header with magic, flags, status, request id and length.

Dubbo 3 "triple" is gRPC on the wire and reported as such. Does not read the telnet console that
shares the port. Follows dubbo.apache.org "Dubbo2 protocol".
"""

from __future__ import annotations

from sniffdiag.identify.clue import anywhere, one_of, probe_sides, proof
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Literal, be32, byte
from sniffdiag.model import Transport

MAGIC = b"\xda\xbb"
REQUEST, TWO_WAY, EVENT = 0x80, 0x40, 0x20
SERIALIZERS = range(1, 0x20)
STATUSES = frozenset({20, 25, 30, 31, 35, 36, 40, 50, 60, 70, 80, 90, 100})
LENGTHS = range(1 << 26)
REQUEST_FLAGS = frozenset(
    REQUEST | way | event | serializer
    for way in (0, TWO_WAY)
    for event in (0, EVENT)
    for serializer in SERIALIZERS
)
RESPONSE_FLAGS = frozenset(event | serial for event in (0, EVENT) for serial in SERIALIZERS)

REQUEST_HEADER: Layout = (Literal(0, MAGIC), byte(2, REQUEST_FLAGS), be32(12, LENGTHS))
RESPONSE_HEADER: Layout = (
    Literal(0, MAGIC),
    byte(2, RESPONSE_FLAGS),
    byte(3, STATUSES),
    be32(12, LENGTHS),
)
# Heartbeats are requests of either side, so both sides may send both kinds.
_client = one_of((REQUEST_HEADER, proof("Dubbo request header")))
_server = one_of((RESPONSE_HEADER, proof("Dubbo response header")))

DETECTOR = Detector(
    protocol="dubbo",
    title="Apache Dubbo 2",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(anywhere(_client, _client), anywhere(_server, _server)),
    evidence="16-byte header: magic da bb, flags, status, length.",
    midstream=True,
)
