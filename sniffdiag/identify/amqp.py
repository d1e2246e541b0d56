"""AMQP 0-8, 0-9, 0-9-1 (RabbitMQ) and 1.0: protocol header and frames.

Both versions open with `AMQP` and a version; 0-9-1 frames end with a fixed byte, 1.0 frames carry a
described performative. Follows amqp0-9-1.pdf 2.3 and OASIS amqp-core-transport-v1.0 2.2-2.3.
"""

from __future__ import annotations

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    any_of,
    anywhere,
    beginning,
    chain_of,
    chained,
    hint,
    lean,
    one_of,
    probe_sides,
    proof,
    when,
)
from sniffdiag.identify.verdict import Detector, Facts
from sniffdiag.identify.wire import Layout, Literal, be16, be32, byte, fit
from sniffdiag.model import Transport

HEADER_LEN = 8
# Protocol id, major, minor, revision; 0-8 and 0-9 wrote them as 1 1 major minor.
HEADER: Layout = (
    Literal(0, b"AMQP"),
    byte(4, range(4)),
    byte(5, range(2)),
    byte(6, range(11)),
    byte(7, range(11)),
)

METHOD, HEADER_FRAME, BODY, HEARTBEAT = 1, 2, 3, 8
FRAME_HEADER_LEN, FRAME_END = 7, 0xCE
FRAME_TYPES = frozenset({METHOD, HEADER_FRAME, BODY, HEARTBEAT})
LONGEST_FRAME_BYTES = 1 << 27
CLASSES = frozenset({10, 20, 40, 50, 60, 85, 90})
FRAME: Layout = (byte(0, FRAME_TYPES), be32(3, range(LONGEST_FRAME_BYTES + 1)))
METHOD_FRAME: Layout = (
    byte(0, {METHOD}),
    be32(3, range(4, 1 << 20)),
    be16(7, CLASSES),
    be16(9, range(10, 121)),
)
CONNECTION_START: Layout = (
    Literal(0, b"\x01\x00\x00"),
    be32(3, range(20, 1 << 17)),
    Literal(7, b"\x00\x0a\x00\x0a"),
    byte(11, range(9)),
    byte(12, range(10)),
)
HEARTBEAT_FRAME: Layout = (Literal(0, b"\x08\x00\x00\x00\x00\x00\x00\xce"),)

# 1.0: size, data offset 2, type (0 AMQP, 1 SASL), channel, then descriptor 00 53 code.
PERFORMATIVES = frozenset(range(0x10, 0x19)) | frozenset(range(0x40, 0x45))
PERFORMATIVE_FRAME: Layout = (
    be32(0, range(11, LONGEST_FRAME_BYTES)),
    byte(4, {2}),
    byte(5, range(2)),
    Literal(8, b"\x00\x53"),
    byte(10, PERFORMATIVES),
)
EMPTY_FRAME_SIZE = 8
ANY_PERFORMATIVE_FRAME: Layout = (
    be32(0, range(EMPTY_FRAME_SIZE, LONGEST_FRAME_BYTES)),
    byte(4, {2}),
    byte(5, range(2)),
)


@beginning(HEADER)
def _protocol_header(data: bytes) -> Clue:
    fits = fit(data, HEADER)
    if not fits:
        return when(fits, OPEN)
    major, minor, revision = data[5:HEADER_LEN]
    version = f"{major}.{minor}" if major and not data[4] % 2 else f"{major}-{minor}-{revision}"
    return proof(f"AMQP protocol header {version}", Facts(version=version))


def _frame_len(data: bytes, at: int) -> int | None:
    """0-9-1: a frame counts only with its end byte."""
    kind, size = wire.u8(data, at), wire.u32(data, at + 3)
    if kind is not None and kind not in FRAME_TYPES:
        return 0
    if size is None:
        return None
    end = wire.u8(data, at + FRAME_HEADER_LEN + size)
    if size > LONGEST_FRAME_BYTES or (end is not None and end != FRAME_END):
        return 0
    return None if end is None else FRAME_HEADER_LEN + size + 1


@beginning(METHOD_FRAME)
def _method(data: bytes) -> Clue:
    fits = fit(data, METHOD_FRAME)
    whole = chained(data, _frame_len, 1)
    if fits is False or whole is False:
        return AGAINST
    if fits and whole:
        return proof("AMQP method frame with its end byte")
    return lean("an AMQP method frame without its end") if fits else OPEN


def _performative_len(data: bytes, at: int) -> int | None:
    size = wire.u32(data, at)
    frame = data[at : at + 11]
    if size == EMPTY_FRAME_SIZE:
        return _empty_frame_len(frame)
    fits = fit(frame, PERFORMATIVE_FRAME)
    return size if fits else (None if fits is None else 0)


def _empty_frame_len(frame: bytes) -> int | None:
    """Length of a 1.0 heartbeat, a frame without body."""
    fits = fit(frame, (Literal(4, b"\x02\x00"), be16(6, wire.ANY_U16)))
    return EMPTY_FRAME_SIZE if fits else (None if fits is None else 0)


_start = any_of(
    _protocol_header,
    one_of((CONNECTION_START, proof("AMQP Connection.Start"))),
)
_frames = any_of(
    _start,
    _method,
    one_of((HEARTBEAT_FRAME, proof("AMQP heartbeat frame"))),
    chain_of(_frame_len, 2, proof("AMQP frames with their end bytes"), FRAME),
    one_of((PERFORMATIVE_FRAME, hint("an AMQP 1.0 performative"))),
    chain_of(_performative_len, 2, proof("AMQP 1.0 performatives"), ANY_PERFORMATIVE_FRAME),
)

DETECTOR = Detector(
    protocol="amqp",
    title="AMQP (RabbitMQ, Qpid, ActiveMQ)",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(anywhere(_start, _frames), anywhere(_start, _frames)),
    evidence="Protocol header; Connection.Start; mid-stream, 0-9-1 frames with their end byte and "
    "1.0 performatives.",
    midstream=True,
)
