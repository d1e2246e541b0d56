"""What HTTP/1 messages are: method or status from the first line of segments already tagged.

Read only where flows are tallied; a listing of flows does without.
"""

from __future__ import annotations

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
LOWEST_STATUS = 100
"""Codes from here on are status codes as they stand on the wire (RFC 9110 15)."""
SWITCHING_PROTOCOLS, FIRST_FINAL_STATUS = 101, 200

_STATUS_AT = len("HTTP/1.1 ")
_KIND = np.zeros(256, np.uint8)
_WHOLE, _OPEN, _RESPONSE = 1, 2, 3
_KIND[[Tag.HTTP1_REQUEST, Tag.HTTP1_REQUEST_OPEN, Tag.HTTP1_RESPONSE]] = _WHOLE, _OPEN, _RESPONSE
_NEVER = 0


@dataclass(frozen=True, slots=True)
class Messages:
    """Beginnings of HTTP/1 messages in a chunk."""

    row: npt.NDArray[np.int64]
    """Ascending rows of the chunk."""
    code: Codes
    """`METHODS` from 1, `OTHER_METHOD`, or a status code."""


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
