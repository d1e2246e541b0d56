"""gRPC over HTTP/2, without HPACK state: content type, trailers, message prefixes in DATA.

HPACK writes the first `application/grpc` of a connection as a literal, plain or Huffman-coded, so
its bytes can be searched for; later requests name it by index and show nothing. Follows
PROTOCOL-HTTP2.md of grpc and RFC 7541 (5.2, 6.2, appendices A and B). gRPC-Web is another protocol,
and `application/grpc` over HTTP/1.1 (a proxy's downgrade) stays `http`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from sniffdiag.identify import http2
from sniffdiag.identify.chains import chains, pieces
from sniffdiag.identify.clue import Sounding
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.sides import CLAIMS
from sniffdiag.identify.verdict import (
    NEED_MORE,
    NO,
    Answer,
    Detector,
    Heads,
    Side,
    Verdict,
    possible,
)
from sniffdiag.model import Transport

GRPC, GRPC_WEB = "grpc", "grpc-web"
HUFFMAN_GRPC = bytes.fromhex("1d75d0620d263d4c4d6564")
"""`application/grpc` in 88 bits: whole bytes, so it is a prefix of every subtype's coding."""
HUFFMAN_WEB = bytes.fromhex("5bc163")
HUFFMAN_NAME = bytes.fromhex("21ea496a4ac9f5597f")
"""`content-type`."""
PLAIN_GRPC, PLAIN_WEB = b"application/grpc", b"-web"
HUFFMAN_FLAG, LENGTH_BITS = 0x80, 0x7F
_CONTENT_TYPE = lazy(
    rb"(?:\x5f|[\x0f\x1f]\x10|[\x40\x00\x10](?:\x0ccontent-type|\x89%b))"
    rb"(?:[\x8b-\xfe]%b|[\x10-\x7e]%b)"
    % (re.escape(HUFFMAN_NAME), re.escape(HUFFMAN_GRPC), re.escape(PLAIN_GRPC))
)
"""Name index 31 or the name itself (grpc's C core), with indexing, without, and never (RFC 7541
6.2), then length and value."""
_STATUS_TRAILER = lazy(
    rb"[\x40\x00\x10](?:%b|\x0bgrpc-status)" % re.escape(bytes.fromhex("889acac8b21234da8f"))
)
_TE_TRAILERS = lazy(
    rb"\x40(?:\x02te|%b)(?:%b|\x08trailers)"
    % (re.escape(bytes.fromhex("82497f")), re.escape(bytes.fromhex("864d833505b11f")))
)
MESSAGE_PREFIX_LEN = 5
COMPRESSED_FLAGS = (0, 1)
PADDED = 0x8


def coded_types(heads: Heads) -> set[str]:
    """Which of gRPC and gRPC-Web the HPACK literals of both sides name."""
    kept = (piece.data for side in (heads.client, heads.server) for piece in pieces(side))
    return {named for data in kept for named in _coded_types(data)}


def _coded_types(data: bytes) -> Iterator[str]:
    for found in _CONTENT_TYPE.finditer(data):
        is_plain = found[0].endswith(PLAIN_GRPC)
        prefix, web = (PLAIN_GRPC, PLAIN_WEB) if is_plain else (HUFFMAN_GRPC, HUFFMAN_WEB)
        value_len = data[found.end() - len(prefix) - 1] & LENGTH_BITS
        expected = min(value_len - len(prefix), len(web))
        rest = data[found.end() : found.end() + expected]
        if len(rest) == expected:
            yield GRPC_WEB if rest == web else GRPC


def _is_probable(side: Side) -> bool:
    """Signs that others use too: a status trailer, `te`, a message prefix that fits its frame."""
    if side.from_start:
        return any(_STATUS_TRAILER.search(piece.data) for piece in pieces(side))
    return any(
        _STATUS_TRAILER.search(piece.data) or _TE_TRAILERS.search(piece.data)
        for piece in pieces(side)
    ) or _carries_messages(side)


def _carries_messages(side: Side) -> bool:
    frames = (frame for chain in chains(side, http2.measure) for frame in chain.frames)
    return any(_is_message(data, at) for data, at in frames)


def _is_message(data: bytes, at: int) -> bool:
    """A DATA frame that is exactly one length-prefixed message."""
    frame = http2.frame_at(data, at)
    prefix = data[at + http2.HEADER_LEN : at + http2.HEADER_LEN + MESSAGE_PREFIX_LEN]
    if frame.kind != http2.DATA or frame.flags & PADDED or len(prefix) < MESSAGE_PREFIX_LEN:
        return False
    length = int.from_bytes(prefix[1:])
    return prefix[0] in COMPRESSED_FLAGS and length == frame.length - MESSAGE_PREFIX_LEN


def probe(heads: Heads) -> Verdict:
    """GRPC where the stream is HTTP/2 and names the content type; probable by lesser signs."""
    carrier = http2.probe(heads)
    if carrier.answer is Answer.NO:
        return NO
    if carrier.answer not in CLAIMS:
        return NEED_MORE
    if GRPC in coded_types(heads):
        return replace(carrier, why="content-type application/grpc over HTTP/2")
    if _is_probable(heads.client) or _is_probable(heads.server):
        why = "HTTP/2 that probably carries gRPC messages"
        return possible(why, carrier.facts, by_client=carrier.by_client)
    return NEED_MORE


DETECTOR = Detector(
    protocol=GRPC,
    title="gRPC",
    transports=frozenset({Transport.TCP}),
    probe=Sounding(probe, http2.CLIENT_BEGINS, http2.SERVER_BEGINS),
    refines=("http2",),
    carriers=frozenset({"http2"}),
    evidence="HTTP/2 with content-type application/grpc, coded or plain; trailers or messages",
    midstream=True,
)
