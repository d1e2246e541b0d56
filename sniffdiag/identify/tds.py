"""Tabular Data Stream (Microsoft SQL Server, Sybase): packet headers and PRELOGIN.

TLS is wrapped inside packets, so the header stays readable. Follows MS-TDS 2.2.3, 2.2.6.5.
"""

from __future__ import annotations

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    Grammar,
    Measure,
    any_of,
    anywhere,
    chain_of,
    hint,
    one_of,
    probe_sides,
    proof,
)
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Literal, Text, be16, byte, fit
from sniffdiag.model import Transport

SQL_BATCH, RPC, RESPONSE, ATTENTION, BULK, TRANSACTION = 1, 3, 4, 6, 7, 14
LOGIN7, SSPI, PRELOGIN = 16, 17, 18
FROM_CLIENT = frozenset({SQL_BATCH, RPC, ATTENTION, BULK, TRANSACTION, LOGIN7, SSPI, PRELOGIN})
FROM_SERVER = frozenset({RESPONSE, PRELOGIN})
STATUSES = frozenset({0, 1, 4, 5, 8, 9, 0x10, 0x11})
PACKET_LENGTHS = range(8, 32_769)
HEADER_LEN = 8


def _header(*kinds: int) -> Layout:
    return (
        byte(0, frozenset(kinds)),
        byte(1, STATUSES),
        be16(2, PACKET_LENGTHS),
        byte(7, range(1)),
    )


# The first option of PRELOGIN is VERSION (0), six bytes long.
_VERSION_OPTION: Layout = (
    Literal(8, b"\x00\x00"),
    byte(10, range(6, 128)),
    Literal(11, b"\x00\x06"),
)
PRELOGIN_REQUEST: Layout = (*_header(PRELOGIN), Literal(4, b"\x00\x00"), *_VERSION_OPTION)
PRELOGIN_RESPONSE: Layout = (*_header(RESPONSE), *_VERSION_OPTION)
# All-headers length, then the transaction descriptor header (2.2.5.3).
BATCH: Layout = (
    *_header(SQL_BATCH, RPC, TRANSACTION),
    Literal(8, b"\x16\x00\x00\x00\x12\x00\x00\x00\x02\x00"),
)
_WIDE_CHARACTERS = tuple(
    field for at in (10, 12, 14) for field in (Text(at, 1), Literal(at + 1, b"\x00"))
)
# Before TDS 7.2 there were no headers: the statement itself, or the length of a name and the name.
OLD_BATCH: Layout = (*_header(SQL_BATCH), Text(8, 1), Literal(9, b"\x00"), *_WIDE_CHARACTERS)
OLD_RPC: Layout = (*_header(RPC), byte(8, range(1, 128)), Literal(9, b"\x00"), *_WIDE_CHARACTERS)
LOGIN: Layout = (
    *_header(LOGIN7),
    Literal(10, b"\x00\x00"),
    # TDS version 7.0 to 7.4, little endian.
    byte(15, range(0x70, 0x75)),
)


def _packet_len(kinds: frozenset[int]) -> Measure:
    layout = _header(*kinds)

    def measure(data: bytes, at: int) -> int | None:
        fits = fit(data[at : at + HEADER_LEN], layout)
        return wire.u16(data, at + 2) if fits else (None if fits is None else 0)

    return measure


CHAIN = 3


def _chain(kinds: frozenset[int]) -> Grammar:
    return chain_of(_packet_len(kinds), CHAIN, hint("chained TDS packets"), _header(*kinds))


_request = one_of(
    (PRELOGIN_REQUEST, proof("TDS PRELOGIN")),
    (LOGIN, proof("TDS LOGIN7")),
    (BATCH, proof("TDS request")),
)
_response = one_of((PRELOGIN_RESPONSE, proof("TDS PRELOGIN response")))
_requests = any_of(
    _request,
    one_of((OLD_BATCH, proof("TDS batch")), (OLD_RPC, proof("TDS procedure call"))),
    _chain(FROM_CLIENT),
)
_responses = any_of(
    _response,
    _chain(FROM_SERVER),
)

DETECTOR = Detector(
    protocol="tds",
    title="Microsoft SQL Server (TDS)",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(anywhere(_request, _requests), anywhere(_response, _responses)),
    evidence="PRELOGIN with its version option, LOGIN7, requests with their headers.",
    midstream=True,
)
