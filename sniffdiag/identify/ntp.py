"""NTP 1 to 4: 48 bytes whose times must agree with each other. Follows RFC 5905 7.3, RFC 9327.

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
    one_of,
    probe_sides,
    proof,
    when,
)
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, byte, fit
from sniffdiag.model import Transport

PACKET_LEN = 48
REFERENCE_AT, ORIGIN_AT, RECEIVE_AT, TRANSMIT_AT = 16, 24, 32, 40
VERSIONS = range(1, 5)
SYMMETRIC, PASSIVE, CLIENT, SERVER, BROADCAST, CONTROL, PRIVATE = range(1, 8)
DAY_S = 86_400
MOST_STRATUM = 16
ANY_TIME = range(1 << 64)
POLLS = frozenset(range(18)) | frozenset(range(0xF0, 0x100))
PRECISIONS = frozenset({0}) | frozenset(range(0xC0, 0x100))
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
CONTROL_HEADER: Layout = (
    byte(0, CONTROL_FIRST),
    byte(1, {op | bit for op in range(1, 13) for bit in (0, 0x80, 0xC0, 0xA0)}),
    wire.be16(10, range(1 << 10)),
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
    return hint("an NTP request without times")


@beginning(ANSWERING)
def _response(data: bytes) -> Clue:
    fits = fit(data, ANSWERING)
    if not fits:
        return when(fits, OPEN)
    if _near(data, RECEIVE_AT, TRANSMIT_AT) or _near(data, REFERENCE_AT, TRANSMIT_AT):
        return proof("NTP response whose times agree")
    return hint("an NTP response")


_control = one_of((CONTROL_HEADER, hint("an NTP control message")))

DETECTOR = Detector(
    protocol="ntp",
    title="NTP",
    transports=frozenset({Transport.UDP}),
    probe=probe_sides(
        datagrams(any_of(_request, _control)), datagrams(any_of(_response, _control))
    ),
    evidence="48 bytes: version, mode, stratum, and times that agree with each other.",
    midstream=True,
)
