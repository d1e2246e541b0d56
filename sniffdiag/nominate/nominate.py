"""`nominate`: a `Tag` for every segment of a chunk, from its first bytes, without a Python loop.

One look at the first eight bytes sorts the rows; each test then reads on only in the rows that are
left for it. Tags never claim what a flow is (`identify` does), and no more is read of a segment
than a request target of 256 bytes or eight frame headers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sniffdiag.nominate.dns_message import are_dns, is_answer, may_be_dns
from sniffdiag.nominate.http2_frames import are_frames
from sniffdiag.nominate.request_line import IS_METHOD_START, request_tags
from sniffdiag.nominate.tags import Tag
from sniffdiag.nominate.windows import Bytes, Mask, Offsets, Words, begins_with, byte, words
from sniffdiag.records import dataclass

Tags = npt.NDArray[np.uint8]

RESPONSE = b"HTTP/1."
STATUS_LEN = 12
"""`HTTP/1.1 200` (RFC 9112 4)."""
PREFACE = b"PRI * HTTP/2.0\r\n"
"""The first 16 of its 24 bytes (RFC 9113 3.4)."""

TLS_FIRST_TYPE, TLS_TYPES, TLS_HANDSHAKE = 20, 4, 22
TLS_MAJOR, TLS_MAX_MINOR = 3, 4
TLS_HEADER_LEN, TLS_MAX_LEN = 5, 16384 + 2048
CLIENT_HELLO, SERVER_HELLO = 1, 2
HANDSHAKE_TYPES = (0, 1, 2, 4, 5, 8, 11, 12, 13, 14, 15, 16, 20, 22, 24)
"""IANA TLS HandshakeType; encrypted handshake messages show anything."""
HANDSHAKE_TAGS = np.full(256, Tag.OTHER, np.uint8)
"""Tag of a handshake record by its handshake type."""
HANDSHAKE_TAGS[list(HANDSHAKE_TYPES)] = Tag.TLS_HANDSHAKE
HANDSHAKE_TAGS[[CLIENT_HELLO, SERVER_HELLO]] = Tag.TLS_CLIENT_HELLO, Tag.TLS_SERVER_HELLO


@dataclass(frozen=True, slots=True)
class _Segments:
    """Segments with payload: where it begins, how much there is, and its first eight bytes."""

    data: Bytes
    at: Offsets
    length: Offsets
    start: Words

    def only(self, rows: npt.NDArray[np.intp]) -> _Segments:
        return _Segments(self.data, self.at[rows], self.length[rows], self.start[rows])


def nominate(data: Bytes, payload_at: Offsets, payload_len: npt.NDArray[np.int32]) -> Tags:
    """The `Tag` of each segment, of which `payload_len` bytes were captured at `payload_at`."""
    tags = np.full(payload_at.shape, Tag.EMPTY, np.uint8)
    rows = np.flatnonzero(payload_len)
    at = payload_at[rows]
    segments = _Segments(data, at, payload_len[rows].astype(np.int64), words(data, at))
    tags[rows] = _tags(segments)
    return tags


def _tags(segments: _Segments) -> Tags:
    tags = np.full(segments.at.shape, Tag.OTHER, np.uint8)
    for candidates, test in _TESTS:
        rows = np.flatnonzero(candidates(segments.start) & (tags == Tag.OTHER))
        if rows.size:
            tags[rows] = test(segments.only(rows))
    return tags


def _may_be_tls(start: Words) -> Mask:
    kind = byte(start, 0) - np.uint64(TLS_FIRST_TYPE)
    found: Mask = (kind < TLS_TYPES) & (byte(start, 1) == TLS_MAJOR)
    return found


def _tls(found: _Segments) -> Tags:
    start = found.start
    length = (byte(start, 3) << np.uint64(8)) | byte(start, 4)
    is_record = (byte(start, 2) <= TLS_MAX_MINOR) & (length > 0) & (length <= TLS_MAX_LEN)
    is_record &= found.length >= TLS_HEADER_LEN
    is_handshake = byte(start, 0) == TLS_HANDSHAKE
    of_handshake = HANDSHAKE_TAGS[byte(start, 5).astype(np.intp)]
    of_handshake[found.length <= TLS_HEADER_LEN] = Tag.OTHER
    tags = np.where(is_handshake, of_handshake, Tag.TLS_RECORD)
    return np.where(is_record, tags, Tag.OTHER).astype(np.uint8)


def _may_be_response(start: Words) -> Mask:
    return begins_with(start, RESPONSE)


def _response(found: _Segments) -> Tags:
    rest = words(found.data, found.at + len(RESPONSE))
    shape = (byte(rest, 1) == ord(" ")) & (found.length >= STATUS_LEN)
    for number in (0, 2, 3, 4):
        shape &= (byte(rest, number) - np.uint64(ord("0"))) < 10  # noqa: PLR2004, a digit
    return np.where(shape, Tag.HTTP1_RESPONSE, Tag.OTHER).astype(np.uint8)


def _may_be_preface(start: Words) -> Mask:
    return begins_with(start, PREFACE[:8])


def _preface(found: _Segments) -> Tags:
    is_preface = begins_with(words(found.data, found.at + 8), PREFACE[8:])
    is_preface &= found.length >= len(PREFACE)
    return np.where(is_preface, Tag.HTTP2_PREFACE, Tag.OTHER).astype(np.uint8)


def _may_be_frames(start: Words) -> Mask:
    """A length below 32768 and a type below 16: one mask, and few rows left for the table."""
    impossible = np.uint64(0xF0_00_80_FF)
    found: Mask = (start & impossible) == 0
    return found


def _frames(found: _Segments) -> Tags:
    is_chain = are_frames(found.data, found.at, found.length)
    return np.where(is_chain, Tag.HTTP2_FRAMES, Tag.OTHER).astype(np.uint8)


def _dns(found: _Segments) -> Tags:
    is_message = are_dns(found.data, found.at, found.length, found.start)
    tags = np.where(is_answer(found.start), Tag.DNS_ANSWER, Tag.DNS_QUERY)
    return np.where(is_message, tags, Tag.OTHER).astype(np.uint8)


def _may_be_request(start: Words) -> Mask:
    return IS_METHOD_START[(start & np.uint64(0xFFFF)).astype(np.intp)]


def _request(found: _Segments) -> Tags:
    return request_tags(found.data, found.at, found.length, found.start)


_TESTS = (
    (_may_be_tls, _tls),
    (_may_be_response, _response),
    (_may_be_preface, _preface),
    (may_be_dns, _dns),
    (_may_be_frames, _frames),
    (_may_be_request, _request),
)
"""(which rows are worth it, by their first bytes; the test)."""
