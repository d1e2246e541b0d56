"""Apache Thrift: strict binary, compact and THeader messages, framed or not.

The old binary protocol without a version word has nothing to recognise it by and is left out.
Follows thrift-binary-protocol.md, thrift-compact-protocol.md and HeaderFormat.md.
"""

from __future__ import annotations

from dataclasses import replace

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    Grammar,
    anywhere,
    begins_of,
    best,
    one_of,
    probe_sides,
    proof,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Literal, be16, be32, byte, fit
from sniffdiag.model import Transport

FRAME_LEN = 4
FRAMES = range(4, 1 << 28)
VERSION_1 = b"\x80\x01\x00"
CALL, REPLY, EXCEPTION, ONEWAY = 1, 2, 3, 4
REQUESTS, RESPONSES = frozenset({CALL, ONEWAY}), frozenset({REPLY, EXCEPTION})
COMPACT_PROTOCOL_ID = b"\x82"
COMPACT_VERSION, COMPACT_TYPE_SHIFT = 1, 5
MOST_VARINT_BYTES = 5
LONGEST_NAME_BYTES = 256
SHORTEST_TELLING_NAME = 3
_NAME = lazy(rb"[A-Za-z_][A-Za-z0-9_.:$/-]*")
HEADER: Layout = (
    be32(0, range(14, 1 << 28)),
    Literal(4, b"\x0f\xff"),
    be16(12, range(1, 1 << 12)),
    # Protocol id: 0 binary, 2 compact.
    byte(14, {0, 2}),
)


def _named(data: bytes, at: int, length: int, why: str) -> Clue:
    if length not in range(SHORTEST_TELLING_NAME, LONGEST_NAME_BYTES):
        return AGAINST
    name = data[at : at + length]
    if name and not _NAME.fullmatch(name):
        return AGAINST
    return proof(why) if len(name) == length else OPEN


def _behind_length(layout: Layout) -> Layout:
    return (be32(0, FRAMES), *(replace(field, at=FRAME_LEN + field.at) for field in layout))


def _binary(types: frozenset[int]) -> Grammar:
    layout: Layout = (
        Literal(0, VERSION_1),
        byte(3, types),
        be32(4, range(SHORTEST_TELLING_NAME, LONGEST_NAME_BYTES)),
    )

    def parse(data: bytes) -> Clue:
        fits = fit(data, layout)
        if not fits:
            return OPEN if fits is None else AGAINST
        return _named(data, 8, data[7], "Thrift binary message")

    return Grammar(parse, (layout, _behind_length(layout)))


def _compact(types: frozenset[int]) -> Grammar:
    layout: Layout = (
        Literal(0, COMPACT_PROTOCOL_ID),
        byte(1, frozenset(kind << COMPACT_TYPE_SHIFT | COMPACT_VERSION for kind in types)),
    )

    def parse(data: bytes) -> Clue:
        fits = fit(data, layout)
        if not fits:
            return OPEN if fits is None else AGAINST
        sequence = wire.varint(data, 2, MOST_VARINT_BYTES)
        if not isinstance(sequence, tuple):
            return OPEN if sequence is None else AGAINST
        name = wire.varint(data, sequence[1], 2)
        if not isinstance(name, tuple):
            return OPEN if name is None else AGAINST
        return _named(data, name[1], name[0], "Thrift compact message")

    return Grammar(parse, (layout, _behind_length(layout)))


def _messages(types: frozenset[int]) -> Grammar:
    binary, compact = _binary(types), _compact(types)
    header = one_of((HEADER, proof("Thrift THeader")))

    def parse(data: bytes) -> Clue:
        plain = best(binary(data), compact(data), header(data))
        size = wire.u32(data, 0)
        if size is None or size not in FRAMES:
            return plain
        framed = data[FRAME_LEN:]
        return best(plain, binary(framed), compact(framed)) if framed else best(plain, OPEN)

    return Grammar(parse, begins_of(binary, compact, header))


_requests, _responses = _messages(REQUESTS), _messages(RESPONSES)

DETECTOR = Detector(
    protocol="thrift",
    title="Apache Thrift",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(anywhere(_requests, _requests), anywhere(_responses, _responses)),
    evidence="Version word, message type and method name (strict binary, compact), framed or not; "
    "THeader magic and protocol id.",
    midstream=True,
)
