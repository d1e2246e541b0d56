"""What HTTP messages are: method or status, and HTTP/2 frames besides, as one number each.

Of HTTP/1 the first line of segments already tagged; HTTP/2 is read by `http2_messages` in the
segments that flows ask for. Read only where flows are tallied; a listing of flows does without.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sniffdiag.nominate.tags import Tag
from sniffdiag.nominate.windows import Bytes, Offsets, begins_with, byte, words
from sniffdiag.records import dataclass

Codes = npt.NDArray[np.uint16]

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE")
"""RFC 9110 9.3, RFC 5789. Codes of requests begin with 1."""
OTHER_METHOD = len(METHODS) + 1
"""Code of a whole request line with any other token."""
UNTOLD_METHOD = OTHER_METHOD + 1
"""Code of an HTTP/2 request whose method is in the peer's dynamic table, or was not captured."""
STATUS_UNTOLD = 22
"""Code of an HTTP/2 response whose status is."""
UNTOLD = 23
"""Code of a header block that does not tell whether it is a request, a response or trailers."""
STREAM_RESET, GOAWAY = 30, 50
"""Codes of RST_STREAM and GOAWAY begin here: with the error code (RFC 9113 7) they are whole."""
ERROR_CODES = 15
"""Those of RFC 9113 7, and one for all that are unknown."""
GRPC_UNTOLD = NOT_ADDED = 255
LOWEST_STATUS = 100
"""Codes from here on are status codes as they stand on the wire (RFC 9110 15)."""
SWITCHING_PROTOCOLS, FIRST_FINAL_STATUS = 101, 200

_STATUS_AT = len("HTTP/1.1 ")
_KIND = np.zeros(256, np.uint8)
_WHOLE, _OPEN, _RESPONSE = 1, 2, 3
_KIND[[Tag.HTTP1_REQUEST, Tag.HTTP1_REQUEST_OPEN, Tag.HTTP1_RESPONSE]] = _WHOLE, _OPEN, _RESPONSE
_NEVER = 0

UNSOUND = -1
NOT_FRAMES, MAY_BE_FRAMES, FRAMES = 0, 1, 2
LIKENESS = np.full(256, NOT_FRAMES, np.uint8)
LIKENESS[[Tag.OTHER, Tag.HTTP2_PREFACE, Tag.HTTP2_FRAMES]] = MAY_BE_FRAMES, FRAMES, FRAMES


@dataclass(frozen=True, slots=True)
class Http2Messages:
    """Header blocks, RST_STREAM and GOAWAY frames of some segments, in order of these."""

    segment: Offsets
    """Which of the segments."""
    at: Offsets
    """Offset of the frame from the first byte of the segment's payload."""
    stream: npt.NDArray[np.uint32]
    code: Codes
    """As in `Messages`, or one of the codes above."""
    grpc_status: npt.NDArray[np.uint8]
    ends: npt.NDArray[np.bool_]
    """The frame ends its side of the stream."""
    inserts: npt.NDArray[np.uint8]
    ref: npt.NDArray[np.uint8]
    place: npt.NDArray[np.uint8]
    """What a header block does with the dynamic table (`header_blocks.TableUse`)."""
    behind: Offsets
    """Of each segment: offset behind its last frame, `UNSOUND` where not all of them were read."""


@dataclass(frozen=True, slots=True)
class Segments:
    """The segments of a chunk that have payload: which may hold HTTP/2, and what is in them."""

    row: Offsets
    """Ascending rows of the chunk."""
    likeness: npt.NDArray[np.uint8]
    """`FRAMES` where frames begin with the segment, `MAY_BE_FRAMES` where they may amid it."""
    read: Callable[[Offsets], Http2Messages]
    """What places in `row` hold."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Beginnings of HTTP/1 messages in a chunk, and where HTTP/2's may be."""

    row: npt.NDArray[np.int64]
    """Ascending rows of the chunk."""
    code: Codes
    """`METHODS` from 1, `OTHER_METHOD`, or a status code."""
    segments: Segments | None = None


def messages_of(
    data: Bytes, rows: Offsets, payload_at: Offsets, tags: npt.NDArray[np.uint8]
) -> Messages:
    """Those of `rows` that begin a message; where their payload begins, and its tags.

    A request line that runs past its segment counts where its method is a known one: with any
    other token it may as well be a piece of a body.
    """
    kind = _KIND[tags]
    found = np.flatnonzero(kind)
    kind, at = kind[found], payload_at[found]
    code = np.full(found.shape[0], _NEVER, np.uint16)
    answers = np.flatnonzero(kind == _RESPONSE)
    code[answers] = _statuses(data, at[answers])
    asks = np.flatnonzero(kind != _RESPONSE)
    code[asks] = _methods(data, at[asks], kind[asks] == _WHOLE)
    is_message = code != _NEVER
    return Messages(rows[found[is_message]], code[is_message])


def _statuses(data: Bytes, at: Offsets) -> Codes:
    digits = words(data, at + _STATUS_AT)
    hundreds, tens, ones = ((byte(digits, n) & np.uint64(0x0F)).astype(np.uint16) for n in range(3))
    code = hundreds * np.uint16(100) + tens * np.uint16(10) + ones
    return np.where(code < LOWEST_STATUS, _NEVER, code).astype(np.uint16)


def _methods(data: Bytes, at: Offsets, is_whole: npt.NDArray[np.bool_]) -> Codes:
    start = words(data, at)
    code = np.where(is_whole, OTHER_METHOD, _NEVER).astype(np.uint16)
    left = np.arange(at.shape[0])
    for number, method in enumerate(METHODS, start=1):
        found = begins_with(start, method.encode() + b" ")
        code[left[found]] = number
        left, start = left[~found], start[~found]
        if not left.size:
            break
    return code
