"""Header blocks and exchanges of an HTTP/2 connection, as far as its heads were kept (RFC 9113).

Frames are followed by their lengths over what is contiguous, and across what was not kept where a
later piece holds the next frame's header. As long as no frame was missed from the preface on, the
dynamic table is known; behind a hole it begins anew and unknown (`header_fields`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from sniffdiag.identify import http1, http2
from sniffdiag.identify.chains import CUT
from sniffdiag.identify.header_fields import FieldReader, Fields
from sniffdiag.identify.messages import Exchange, Request, Response, Run, runs
from sniffdiag.identify.sides import text
from sniffdiag.identify.verdict import Heads, Side
from sniffdiag.records import dataclass

VERSION = "2"
STREAM_BITS = 0x7FFF_FFFF
PADDED, HAS_PRIORITY, END_HEADERS = 0x08, 0x20, 0x04
PRIORITY_LEN, PROMISED_LEN = 5, 4
MAX_BLOCK_BYTES = 1 << 16
MOST_BLOCKS = 256
"""Of one side; the kept bytes hold fewer unless they were made to."""
INFORMATIONAL = range(100, 200)
NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame and what is there of its payload."""

    at: int
    """Offset of its header from the first byte of the side's head."""
    header: http2.Frame
    payload: bytes
    holes: int
    """How often frames of this side may have been missed before it."""


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """HEADERS or PUSH_PROMISE with its CONTINUATIONs, decoded."""

    at: int
    stream: int
    is_promise: bool
    fields: Fields


def header_blocks(side: Side, most: int = MOST_BLOCKS) -> Iterator[HeaderBlock]:
    """The header blocks of one side in stream order. Values may be secrets: keep none."""
    reader: FieldReader | None = None
    holes = 0
    for block in islice(_blocks(frames(side)), most):
        if reader is None or reader.broken or block.holes != holes:
            holes = block.holes
            reader = FieldReader(from_start=reader is None and holes == 0)
        fields = reader.read(block.bytes, whole=block.whole)
        yield HeaderBlock(block.at, block.stream, block.is_promise, fields)


def frames(side: Side) -> Iterator[Frame]:
    """Frames from the first on, or from where a piece seems to begin with one."""
    at, holes = _first_frame(side), 0
    for run in runs(side):
        if at < run.at:
            at, holes = _resumed(run), holes + 1
        while run.at <= at < run.end:
            start = at - run.at
            behind = start + http2.HEADER_LEN
            if behind > len(run.data):
                at = NOWHERE
                break
            header = http2.frame_at(run.data, start)
            yield Frame(at, header, run.data[behind : behind + header.length], holes)
            at += http2.HEADER_LEN + header.length


class Ending(NamedTuple):
    """A GOAWAY or RST_STREAM."""

    at: int
    frame: str
    code: int


_ENDINGS = {http2.GOAWAY: ("GOAWAY", 4), http2.RST_STREAM: ("RST_STREAM", 0)}
"""Name, and where the error code is in the payload (RFC 9113 6.8, 6.4)."""
_CODE_LEN = 4


def endings(side: Side) -> Iterator[Ending]:
    """Where one side ended the connection or a stream, with the error code."""
    for frame in frames(side):
        name, at = _ENDINGS.get(frame.header.kind, ("", 0))
        code = frame.payload[at : at + _CODE_LEN]
        if name and len(code) == _CODE_LEN:
            yield Ending(frame.at, name, int.from_bytes(code))


def _first_frame(side: Side) -> int:
    """Where the first frame of a side seen from its start must be: also behind an h2c upgrade."""
    if not side.from_start:
        return NOWHERE
    if answer := http1.response(side.head):
        switched = answer.whole and answer.line[2] == http1.SWITCHING_PROTOCOLS
        return len(side.head) - len(answer.body) if switched else NOWHERE
    preface = side.head.find(http2.PREFACE)
    if preface >= 0:
        return preface + len(http2.PREFACE)
    return NOWHERE if http1.request(side.head) else 0


def _resumed(run: Run) -> int:
    """Where a run that begins anywhere is taken to have a frame."""
    if http2.measure(run.data, 0) > CUT:
        return run.at
    found = http2.resync(run.data)
    return NOWHERE if found is None else run.at + found


@dataclass(slots=True)
class _Block:
    at: int
    stream: int
    is_promise: bool
    holes: int
    bytes: bytes = b""
    whole: bool = False


def _blocks(sent: Iterable[Frame]) -> Iterator[_Block]:
    """Header blocks put together from their frames; one that is cut short is not `whole`."""
    block: _Block | None = None
    for frame in sent:
        kind, stream = frame.header.kind, frame.header.stream & STREAM_BITS
        if block and not (kind == http2.CONTINUATION and frame.holes == block.holes):
            yield block
            block = None
        if kind in {http2.HEADERS, http2.PUSH_PROMISE}:
            block = _Block(frame.at, stream, kind == http2.PUSH_PROMISE, frame.holes)
        if block is None:
            continue
        block.bytes += _fragment(frame)
        is_cut = len(frame.payload) < frame.header.length
        is_last = bool(frame.header.flags & END_HEADERS)
        if is_cut or is_last or len(block.bytes) > MAX_BLOCK_BYTES:
            block.whole = is_last and not is_cut
            yield block
            block = None
    if block:
        yield block


def _fragment(frame: Frame) -> bytes:
    """The payload without padding and what stands before the fields (RFC 9113 6.2, 6.6)."""
    kind, flags, payload = frame.header.kind, frame.header.flags, frame.payload
    if kind == http2.CONTINUATION:
        return payload
    padding, before = 0, 0
    if flags & PADDED:
        padding, before = payload[0] if payload else 0, 1
    if kind == http2.PUSH_PROMISE:
        before += PROMISED_LEN
    elif flags & HAS_PRIORITY:
        before += PRIORITY_LEN
    return payload[before : max(frame.header.length - padding, before)]


def exchanges(heads: Heads, most: int = MOST_BLOCKS) -> tuple[Exchange, ...]:
    """Exchanges in the order in which their streams are first seen, the client's side first.

    Reads no more than `most` header blocks of a side.
    """
    streams: dict[int, Exchange] = {}
    upgraded = _upgraded(heads)
    if upgraded is not None:
        streams[1] = Exchange(upgraded, None, 1)
    for block in header_blocks(heads.client, most):
        if block.stream not in streams:  # what follows on the same stream are trailers
            streams[block.stream] = Exchange(_request(block), None, block.stream)
    for block in header_blocks(heads.server, most):
        if block.is_promise:
            continue
        known = streams.get(block.stream, Exchange(None, None, block.stream))
        streams[block.stream] = replace(known, response=_answered(known.response, block))
    return tuple(streams.values())


def tunnelled(heads: Heads, stream: int) -> Heads:
    """What both sides sent through a tunnel, as far as it was kept (RFC 9113 8.5)."""
    client, server = heads.client, heads.server
    return Heads(
        Side(body(client, stream), from_start=client.from_start),
        Side(body(server, stream), from_start=server.from_start),
    )


def body(side: Side, stream: int) -> bytes:
    """What one side sent in the DATA frames of a stream, as far as it was kept without a hole."""
    head = b""
    for frame in frames(side):
        if frame.holes:
            break
        if frame.header.kind == http2.DATA and frame.header.stream & STREAM_BITS == stream:
            head += _fragment(frame)
            if len(frame.payload) < frame.header.length:
                break
    return head


def _upgraded(heads: Heads) -> Request | None:
    """The HTTP/1 request that became stream 1 (RFC 7540 3.2)."""
    message = http1.request(heads.client.head) if heads.client.from_start else None
    if message is None or not http2.offers_upgrade(heads.client):
        return None
    facts = http1.request_facts(heads.client.head)
    return Request(
        at=0,
        version=facts.http_version,
        method=facts.method,
        target=facts.target,
        host=facts.host,
        content_type=facts.content_type,
    )


def _request(block: HeaderBlock) -> Request:
    fields = block.fields
    method, path = _text(fields, b":method"), fields.value(b":path")
    host = http1.host(fields.value(b":authority") or fields.value(b"host"))
    target = http1.path(path) if path else None
    if method == "CONNECT" and target is None:
        target = host
    return Request(
        at=block.at,
        version=VERSION,
        method=method,
        target=target,
        host=host,
        content_type=_text(fields, b"content-type"),
        protocol=_text(fields, b":protocol"),
        unknowable=_unknowable(fields, {"method": method, "target": target, "host": host}),
    )


def _answered(known: Response | None, block: HeaderBlock) -> Response:
    """The stream's response with what this block says: a response, or its trailers."""
    fields = block.fields
    status = _number(fields, b":status")
    grpc_status = _number(fields, b"grpc-status")
    if known is not None and status is None and known.status not in INFORMATIONAL:
        return replace(known, grpc_status=grpc_status, trailers_at=block.at)
    return Response(
        at=block.at,
        version=VERSION,
        status=status,
        content_type=_text(fields, b"content-type"),
        grpc_status=grpc_status,
        unknowable=_unknowable(fields, {"status": status}),
    )


def _unknowable(fields: Fields, wanted: dict[str, str | int | None]) -> tuple[str, ...]:
    return tuple(name for name, value in wanted.items() if value is None and fields.unknown)


def _text(fields: Fields, name: bytes) -> str | None:
    value = fields.value(name)
    return text(value) if value else None


def _number(fields: Fields, name: bytes) -> int | None:
    value = fields.value(name) or b""
    return int(value) if value.isdigit() and len(value) < 4 else None  # noqa: PLR2004, three digits
