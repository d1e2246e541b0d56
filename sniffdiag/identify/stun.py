"""STUN and TURN: the magic cookie; RFC 3489 messages only with both sides.

Follows RFC 8489 5, RFC 8656 12.4 (ChannelData), RFC 3489 11.1.
"""

from __future__ import annotations

from sniffdiag.identify.clue import datagrams, faint, hint, one_of, probe_sides, proof
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Literal, be16, byte
from sniffdiag.model import Transport

MAGIC_COOKIE = b"\x21\x12\xa4\x42"
LENGTHS = range(0, 1 << 11, 4)
MESSAGE: Layout = (byte(0, range(0x40)), be16(2, LENGTHS), Literal(4, MAGIC_COOKIE))
# Binding request and responses of RFC 3489; the first attribute begins where it should.
CLASSIC_REQUEST: Layout = (
    Literal(0, b"\x00\x01"),
    be16(2, range(8, 256, 4)),
    be16(20, range(1, 12)),
    be16(22, range(4, 129, 4)),
)
CLASSIC_BARE_REQUEST: Layout = (Literal(0, b"\x00\x01\x00\x00"), byte(19, range(256)))
CLASSIC_RESPONSE: Layout = (
    Literal(0, b"\x01"),
    byte(1, {1, 0x11}),
    be16(2, range(12, 512, 4)),
    Literal(20, b"\x00"),
    byte(21, range(1, 12)),
    be16(22, range(4, 129, 4)),
)
_either = (MESSAGE, proof("STUN magic cookie"))
_client = one_of(
    _either,
    (CLASSIC_REQUEST, hint("an RFC 3489 binding request")),
    (CLASSIC_BARE_REQUEST, faint("an RFC 3489 binding request")),
)
_server = one_of(_either, (CLASSIC_RESPONSE, hint("an RFC 3489 binding response")))

DETECTOR = Detector(
    protocol="stun",
    title="STUN / TURN",
    transports=frozenset({Transport.UDP, Transport.TCP}),
    probe=probe_sides(datagrams(_client), datagrams(_server)),
    evidence="Magic cookie 21 12 a4 42 behind a possible type and length.",
    midstream=True,
)
