"""Oracle Net (TNS): connect, accept, refuse, redirect and resend packets.

Undocumented by its vendor; follows Wireshark's packet-tns.c and nmap's tns.lua in outline.
"""

from __future__ import annotations

from sniffdiag.identify.clue import at_start, hint, one_of, probe_sides, proof
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Literal, be16, byte
from sniffdiag.model import Transport

CONNECT, ACCEPT, REFUSE, REDIRECT = 1, 2, 4, 5
VERSIONS = range(300, 400)
"""Protocol version, 3.x times 100: 8i is 308, 21c is 319."""


def _packet(kind: int) -> Layout:
    # Length, packet checksum 0, type, flags, header checksum 0.
    return (
        be16(0, range(10, 1 << 16)),
        Literal(2, b"\x00\x00"),
        byte(4, {kind}),
        Literal(6, b"\x00\x00"),
    )


_client = one_of(
    ((*_packet(CONNECT), be16(8, VERSIONS), be16(10, VERSIONS)), proof("TNS connect packet")),
)
_server = one_of(
    ((*_packet(ACCEPT), be16(8, VERSIONS)), proof("TNS accept packet")),
    ((Literal(0, b"\x00\x08\x00\x00\x0b"), Literal(6, b"\x00\x00")), hint("a TNS resend packet")),
    ((*_packet(REFUSE), be16(10, range(1024)), Literal(12, b"(")), proof("TNS refuse packet")),
    ((*_packet(REDIRECT), be16(8, range(4096)), Literal(10, b"(")), proof("TNS redirect packet")),
)

DETECTOR = Detector(
    protocol="oracle",
    title="Oracle Net (TNS)",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(at_start(_client), at_start(_server)),
    evidence="TNS packet header with its zero checksums and a protocol version, or an address.",
)
