"""NTP 1 to 4: 48 bytes whose times must agree with each other. Follows RFC 5905 7.3, RFC 9327.

Mode 7 is ntpd's own (its include/ntp_request.h).

No clock is read: times are only compared within the packet and between question and answer.
"""

from __future__ import annotations

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    OPEN,
    Clue,
    any_of,
    beginning,
    datagrams,
    hint,
    lean,
    one_of,
    probe_sides,
    proof,
    when,
)
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, byte, fit
from sniffdiag.model import Transport

PACKET_LEN = 48
LENS = frozenset({PACKET_LEN, *(PACKET_LEN + mac for mac in (4, 12, 20, 24, 36))})
"""Without and with a message authentication code (RFC 5905 7.3, RFC 8573)."""
REFERENCE_AT, ORIGIN_AT, RECEIVE_AT, TRANSMIT_AT = 16, 24, 32, 40
VERSIONS = range(1, 5)
SYMMETRIC, PASSIVE, CLIENT, SERVER, BROADCAST, CONTROL, PRIVATE = range(1, 8)
DAY_S = 86_400
MOST_STRATUM = 16
ANY_TIME = range(1 << 64)
POLLS = frozenset(range(18)) | frozenset(range(0xF0, 0x100))
PRECISIONS = frozenset({0, 32}) | frozenset(range(0xC0, 0x100))
"""Powers of two below a second. chronyd's requests say 32, which tells nothing of its clock."""
_NO_EPOCH = 1 << 30
"""Seconds below this are before 1934: no clock, or not a time."""


def _first_bytes(modes: frozenset[int]) -> frozenset[int]:
    leaps = range(4)
    return frozenset(
        leap << 6 | version << 3 | mode for leap in leaps for version in VERSIONS for mode in modes
    )


def _header(*modes: int) -> Layout:
    return (
        byte(0, _first_bytes(frozenset(modes))),
        byte(1, range(MOST_STRATUM + 1)),
        byte(2, POLLS),
        byte(3, PRECISIONS),
        wire.Number(TRANSMIT_AT, 8, ANY_TIME),
    )


ASKING, ANSWERING = _header(SYMMETRIC, CLIENT), _header(PASSIVE, SERVER, BROADCAST, SYMMETRIC)
CONTROL_FIRST = _first_bytes(frozenset({CONTROL}))
OPERATIONS = range(1, 13)
CONTROL_REQUEST: Layout = (
    byte(0, CONTROL_FIRST),
    byte(1, OPERATIONS),
    wire.be16(4, {0}),
    wire.be16(8, {0}),
    wire.be16(10, range(469)),
)
CONTROL_ANSWER: Layout = (
    byte(0, CONTROL_FIRST),
    byte(1, {op | bits for op in OPERATIONS for bits in (0x80, 0xC0, 0xA0)}),
    wire.be16(8, range(0, 1 << 16, 4)),
    wire.be16(10, range(469)),
)
_PRIVATE = (wire.byte(2, {0, 2, 3}), byte(3, range(46)))
PRIVATE_REQUEST: Layout = (byte(0, {0x17, 0x1F}), byte(1, {0, 0x80}), *_PRIVATE, wire.be32(4, {0}))
PRIVATE_ANSWER: Layout = (
    byte(0, {0x97, 0x9F, 0xD7, 0xDF}),
    byte(1, range(1 << 7)),
    *_PRIVATE,
    wire.be16(4, range(501)),
    wire.be16(6, range(501)),
)


def _seconds(data: bytes, at: int) -> int:
    return wire.u32(data, at) or 0


def _near(data: bytes, one_at: int, other_at: int) -> bool:
    one, other = _seconds(data, one_at), _seconds(data, other_at)
    return min(one, other) > _NO_EPOCH and abs(one - other) < DAY_S


@beginning(ASKING)
def _request(data: bytes) -> Clue:
    fits = fit(data, ASKING)
    if not fits:
        return when(fits, OPEN)
    blank = not any(data[4:TRANSMIT_AT])
    consistent = _near(data, REFERENCE_AT, TRANSMIT_AT) or _near(data, ORIGIN_AT, RECEIVE_AT)
    if (blank and any(data[TRANSMIT_AT:PACKET_LEN])) or consistent:
        return proof("NTP request")
    return _without_times(data, "an NTP request without times")


@beginning(ANSWERING)
def _response(data: bytes) -> Clue:
    fits = fit(data, ANSWERING)
    if not fits:
        return when(fits, OPEN)
    if _near(data, RECEIVE_AT, TRANSMIT_AT) or _near(data, REFERENCE_AT, TRANSMIT_AT):
        return proof("NTP response whose times agree")
    return _without_times(data, "an NTP response")


def _without_times(data: bytes, why: str) -> Clue:
    return lean(why) if len(data) in LENS else OPEN


_asked = one_of(
    (CONTROL_REQUEST, hint("an NTP control message")),
    (PRIVATE_REQUEST, proof("NTP request of mode 7")),
)
_answered = one_of(
    (CONTROL_ANSWER, hint("an NTP control message")),
    (PRIVATE_ANSWER, hint("an NTP answer of mode 7")),
)

DETECTOR = Detector(
    protocol="ntp",
    title="NTP",
    transports=frozenset({Transport.UDP}),
    probe=probe_sides(datagrams(any_of(_request, _asked)), datagrams(any_of(_response, _answered))),
    evidence="48 bytes: version, mode, stratum, and times that agree with each other.",
    midstream=True,
)
