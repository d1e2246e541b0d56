"""MongoDB wire protocol: every message, of either side, begins with the same 16-byte header.

Does not read documents. Follows mongodb.com "Wire Protocol" and the specifications repository
(OP_MSG, OP_COMPRESSED).
"""

from __future__ import annotations

from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    any_of,
    anywhere,
    beginning,
    one_of,
    probe_sides,
    proof,
    when,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, byte, fit, le32
from sniffdiag.model import Transport

OP_REPLY, OP_UPDATE, OP_INSERT, OP_QUERY, OP_GET_MORE, OP_DELETE = 1, 2001, 2002, 2004, 2005, 2006
OP_COMPRESSED, OP_MSG = 2012, 2013
LEGACY_REQUESTS = frozenset({OP_UPDATE, OP_INSERT, OP_QUERY, OP_GET_MORE, OP_DELETE})
OPCODES = LEGACY_REQUESTS | {OP_REPLY, 2007, OP_COMPRESSED, OP_MSG}
LENGTHS = range(16, 48_000_001)
"""maxMessageSizeBytes of every server since 2.4."""
ANSWERED = range(1, 1 << 32)

# OP_MSG flags: checksumPresent, moreToCome, exhaustAllowed.
MSG_FLAGS = frozenset(low | high for low in range(4) for high in (0, 1 << 16))
MSG_SECTIONS = range(3)
COMPRESSORS = range(4)
"""noop, snappy, zlib, zstd."""
NAMESPACE_AT = 20
_NAMESPACE = lazy(rb"[^\x00-\x1f ./\\\"$]{1,63}\.[^\x00-\x1f]{1,190}\x00")
_NAMESPACE_LIMIT_BYTES = 256


def _header(opcode: int, *, answering: range | frozenset[int]) -> Layout:
    return (le32(12, {opcode}), le32(0, LENGTHS), le32(8, answering))


def _bodies(answering: range | frozenset[int]) -> tuple[Layout, Layout]:
    message: Layout = (
        *_header(OP_MSG, answering=answering),
        le32(16, MSG_FLAGS),
        byte(20, MSG_SECTIONS),
    )
    compressed: Layout = (
        *_header(OP_COMPRESSED, answering=answering),
        le32(16, OPCODES),
        le32(20, LENGTHS),
        byte(24, COMPRESSORS),
    )
    return message, compressed


REQUESTS = _bodies(frozenset({0}))
REPLIES = _bodies(ANSWERED)
LEGACY: Layout = (
    le32(12, LEGACY_REQUESTS),
    le32(0, LENGTHS),
    le32(8, {0, (1 << 32) - 1}),
    le32(16, range(256)),
)
OLD_REPLY: Layout = (
    *_header(OP_REPLY, answering=ANSWERED),
    le32(16, range(16)),
    le32(32, range(1 << 20)),
)


@beginning(LEGACY)
def _legacy(data: bytes) -> Clue:
    fits = fit(data, LEGACY)
    name = data[NAMESPACE_AT : NAMESPACE_AT + _NAMESPACE_LIMIT_BYTES]
    if not fits or _NAMESPACE.match(name):
        return when(fits, proof("MongoDB legacy request with its namespace"))
    return AGAINST if b"\x00" in name or len(name) == _NAMESPACE_LIMIT_BYTES else OPEN


_modern = one_of(
    (REQUESTS[0], proof("MongoDB OP_MSG header")),
    (REQUESTS[1], proof("MongoDB OP_COMPRESSED header")),
)
_reply = one_of(
    (REPLIES[0], proof("MongoDB OP_MSG reply")),
    (REPLIES[1], proof("MongoDB OP_COMPRESSED reply")),
    (OLD_REPLY, proof("MongoDB OP_REPLY header")),
)


_request = any_of(_modern, _legacy)


DETECTOR = Detector(
    protocol="mongo",
    title="MongoDB",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(anywhere(_request, _request), anywhere(_reply, _reply)),
    evidence="16-byte message header: plausible length, responseTo, opcode, and the first fields "
    "of that opcode's body.",
    midstream=True,
)
