"""Cassandra and ScyllaDB: CQL native protocol, versions 1 to 5.

A frame is version (top bit: response), flags, stream, opcode, u32 length. One header proves little
(SOCKS begins the same way), so bodies are read as far as they are text. Does not read the CRC
segments of version 5 after STARTUP. Follows native_protocol_v3.spec to v5.spec.
"""

from __future__ import annotations

import re

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    Measure,
    any_of,
    anywhere,
    beginning,
    chain_of,
    hint,
    probe_sides,
    proof,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, be32, byte
from sniffdiag.model import Transport
from sniffdiag.records import dataclass

RESPONSE = 0x80
OLD_VERSIONS, VERSIONS = frozenset({1, 2}), frozenset({3, 4, 5})
FLAGS = range(0x20)
ERROR, STARTUP, READY, AUTHENTICATE, OPTIONS, SUPPORTED = 0, 1, 2, 3, 5, 6
QUERY, RESULT, PREPARE = 7, 8, 9
REQUESTS = frozenset({STARTUP, OPTIONS, QUERY, PREPARE, 10, 11, 13, 15})
RESPONSES = frozenset({ERROR, READY, AUTHENTICATE, SUPPORTED, RESULT, 12, 14, 16})
BODILESS = frozenset({OPTIONS, READY})
LONGEST_BODY_BYTES = 256 << 20
_READ_BYTES = 96

_TELLING: dict[int, tuple[re.Pattern[bytes], str]] = {
    STARTUP: (lazy(rb"\x00[\x01-\x08].{0,60}?\x00\x0bCQL_VERSION", re.DOTALL), "STARTUP"),
    AUTHENTICATE: (lazy(rb"\x00.[a-z]+\.[a-zA-Z.]+Authenticator", re.DOTALL), "AUTHENTICATE"),
    SUPPORTED: (
        lazy(rb"\x00[\x01-\x10].{0,60}?\x00(?:\x0bCQL_VERSION|\x0bCOMPRESSION)", re.DOTALL),
        "SUPPORTED",
    ),
    QUERY: (
        lazy(
            rb"\x00[\x00-\x0f]..\s*(?i:select|insert|update|delete|use|create|alter|drop|begin"
            rb"|truncate|grant)\s",
            re.DOTALL,
        ),
        "QUERY",
    ),
    PREPARE: (
        lazy(
            rb"\x00[\x00-\x0f]..\s*(?i:select|insert|update|delete|begin)\s",
            re.DOTALL,
        ),
        "PREPARE",
    ),
}


@dataclass(frozen=True, slots=True)
class Header:
    """A frame header; `len` is its own length, 8 in versions 1 and 2, else 9."""

    len: int
    opcode: int
    body: int


def parse_header(data: bytes, at: int, direction: int) -> Header | bool | None:
    """The header at `at`; False where none can begin there, None while it is cut."""
    version = wire.u8(data, at)
    if version is None:
        return None
    if version & RESPONSE != direction or version & ~RESPONSE not in OLD_VERSIONS | VERSIONS:
        return False
    opcode_at = at + (3 if version & ~RESPONSE in OLD_VERSIONS else 4)
    flags, opcode = wire.u8(data, at + 1), wire.u8(data, opcode_at)
    body = wire.u32(data, opcode_at + 1)
    if flags not in {None, *FLAGS} or opcode not in {None, *(RESPONSES if direction else REQUESTS)}:
        return False
    if opcode is None or body is None:
        return None
    fits = body <= LONGEST_BODY_BYTES and not (body and opcode in BODILESS and not flags)
    return Header(opcode_at + 5 - at, opcode, body) if fits else False


def _measure(direction: int) -> Measure:
    def measure(data: bytes, at: int) -> int | None:
        header = parse_header(data, at, direction)
        if not isinstance(header, Header):
            return None if header is None else 0
        return header.len + header.body

    return measure


def _headers(direction: int, opcodes: frozenset[int]) -> tuple[Layout, Layout]:
    """Headers of old versions, whose stream id is one byte, and of new ones."""
    bodies = range(LONGEST_BODY_BYTES + 1)
    old = frozenset(version | direction for version in OLD_VERSIONS)
    new = frozenset(version | direction for version in VERSIONS)
    return (
        (byte(0, old), byte(1, FLAGS), byte(3, opcodes), be32(4, bodies)),
        (byte(0, new), byte(1, FLAGS), byte(4, opcodes), be32(5, bodies)),
    )


def _frame(direction: int, data: bytes) -> Clue:
    header = parse_header(data, 0, direction)
    if not isinstance(header, Header):
        return OPEN if header is None else AGAINST
    if header.opcode in BODILESS and not header.body:
        return hint("a CQL message without body")
    if header.opcode not in _TELLING:
        return OPEN
    telling, name = _TELLING[header.opcode]
    body = data[header.len : header.len + min(header.body, _READ_BYTES)]
    if telling.match(body):
        return proof(f"CQL {name} message")
    return OPEN if len(body) < min(header.body, _READ_BYTES) else AGAINST


@beginning(*_headers(0, REQUESTS))
def _request(data: bytes) -> Clue:
    return _frame(0, data)


@beginning(*_headers(RESPONSE, RESPONSES))
def _response(data: bytes) -> Clue:
    return _frame(RESPONSE, data)


CHAIN = 3
_chained_requests = chain_of(_measure(0), CHAIN, hint("chained CQL requests"))
_chained_responses = chain_of(_measure(RESPONSE), CHAIN, hint("chained CQL responses"))
_requests = any_of(_request, beginning(*_request.begins)(_chained_requests))
_responses = any_of(_response, beginning(*_response.begins)(_chained_responses))

DETECTOR = Detector(
    protocol="cassandra",
    title="Cassandra / ScyllaDB (CQL)",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(anywhere(_request, _requests), anywhere(_response, _responses)),
    evidence="CQL frame header and the text in STARTUP, SUPPORTED, AUTHENTICATE, QUERY, PREPARE; "
    "mid-stream, frames that chain on both sides.",
    midstream=True,
)
