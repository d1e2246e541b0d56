"""DTLS 1.0 to 1.3, and OpenSSL's early one: record headers. Follows RFC 6347 4.1, RFC 9147 4."""

from __future__ import annotations

from sniffdiag.identify.clue import datagrams, one_of, probe_sides, proof
from sniffdiag.identify.verdict import Detector, Facts
from sniffdiag.identify.wire import Layout, Literal, be16, byte
from sniffdiag.model import Transport

CONTENT_TYPES = range(20, 26)
LONGEST_RECORD = (1 << 14) + 2048
VERSIONS = {b"\xfe\xff": "1.0", b"\xfe\xfd": "1.2", b"\x01\x00": "1.0 of OpenSSL"}
HANDSHAKE = b"\x16"


def _record(version: bytes) -> Layout:
    epochs = range(256) if version != b"\x01\x00" else {0}
    return (
        byte(0, CONTENT_TYPES),
        Literal(1, version),
        be16(3, epochs),
        # Sequence numbers beyond 2^32 within an epoch are not seen in practice.
        Literal(5, b"\x00\x00"),
        be16(11, range(1, LONGEST_RECORD + 1)),
    )


_datagram = one_of(
    *(
        (_record(version), proof(f"DTLS {name} record", Facts(tls_version=name)))
        for version, name in VERSIONS.items()
    ),
)
_side = datagrams(_datagram)

DETECTOR = Detector(
    protocol="dtls",
    title="DTLS",
    transports=frozenset({Transport.UDP}),
    probe=probe_sides(_side, _side),
    evidence="Record header: content type, version, epoch, sequence number, length.",
    midstream=True,
)
