"""RADIUS: header and attributes whose lengths add up. Follows RFC 2865 3 and 5, RFC 2866, 5176."""

from __future__ import annotations

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    beginning,
    datagrams,
    hint,
    lean,
    probe_sides,
    proof,
)
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, be16, byte
from sniffdiag.model import Transport

HEADER_LEN = 20
REQUESTS = frozenset({1, 4, 12, 40, 43})
RESPONSES = frozenset({2, 3, 5, 11, 13, 41, 42, 44, 45})
LENGTHS = range(HEADER_LEN, 4097)
SHORTEST, ENOUGH_ATTRIBUTES = 2, 2


def _header(codes: frozenset[int]) -> Layout:
    return (byte(0, codes), be16(2, LENGTHS))


def _packet(codes: frozenset[int], data: bytes) -> Clue:
    code, length = wire.u8(data, 0), wire.u16(data, 2)
    if code not in codes or (length is not None and length not in LENGTHS):
        return AGAINST
    if length is None or len(data) < length:
        return OPEN
    count, whole = _attributes(data[HEADER_LEN:length])
    if not whole:
        damaged = count >= ENOUGH_ATTRIBUTES and len(data) == length
        return lean("RADIUS attributes, damaged") if damaged else AGAINST
    if count >= ENOUGH_ATTRIBUTES:
        return proof("RADIUS attributes that fill the packet")
    return hint("a RADIUS header")


def _attributes(data: bytes) -> tuple[int, bool]:
    """How many follow each other, and whether they fill `data`."""
    at = count = 0
    while at < len(data):
        length = wire.u8(data, at + 1)
        if not data[at] or length is None or not SHORTEST <= length <= len(data) - at:
            break
        at, count = at + length, count + 1
    return count, at == len(data)


@beginning(_header(REQUESTS))
def _request(data: bytes) -> Clue:
    return _packet(REQUESTS, data)


@beginning(_header(RESPONSES))
def _response(data: bytes) -> Clue:
    return _packet(RESPONSES, data)


DETECTOR = Detector(
    protocol="radius",
    title="RADIUS",
    transports=frozenset({Transport.UDP}),
    probe=probe_sides(datagrams(_request), datagrams(_response)),
    evidence="Code, length, and attributes whose lengths fill the packet.",
    midstream=True,
)
