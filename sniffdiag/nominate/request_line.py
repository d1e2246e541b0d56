"""HTTP/1 request lines in columns: token SP target SP "HTTP/1." digit CR? LF (RFC 9112 3)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sniffdiag.nominate.tags import Tag
from sniffdiag.nominate.windows import (
    Bytes,
    Mask,
    Offsets,
    Words,
    begins_with,
    byte,
    first_true,
    mask_of,
    windows,
    word_of,
    words,
)

TCHARS = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""RFC 9110 5.6.2."""
IS_TCHAR: Mask = np.isin(np.arange(256), list(TCHARS))
IS_DIGIT: Mask = np.isin(np.arange(256), list(b"0123456789"))
SP, CR, LF = 0x20, 0x0D, 0x0A
METHOD_MAX_LEN = 32
COMMON_METHODS = (b"GET ", b"POST ", b"PUT ", b"HEAD ", b"DELETE ", b"PATCH ", b"OPTIONS ")
"""Found in the first word; any other token is searched for its end."""
EXAMINED = 256
"""How far a target is followed."""
NARROW = 64
"""Most targets end within, so most rows never need the wide window."""
VERSION = b" HTTP/1."
_VERSION_MASKS = np.array([mask_of(count) for count in range(9)], np.uint64)
IS_METHOD_START: Mask = (
    IS_TCHAR[np.arange(1 << 16) & 0xFF]
    & (IS_TCHAR | (np.arange(256) == SP))[np.arange(1 << 16) >> 8]
)
"""By the first two bytes as a little-endian number."""


def request_tags(data: Bytes, at: Offsets, length: Offsets, start: Words) -> npt.NDArray[np.uint8]:
    """HTTP1_REQUEST, HTTP1_REQUEST_OPEN or OTHER of segments that begin like a token."""
    tags = np.full(at.shape, Tag.OTHER, np.uint8)
    method_len = _method_lens(data, at, start)
    rows = np.flatnonzero((method_len > 0) & (method_len + 1 < length))
    at, length, method_len = at[rows], length[rows], method_len[rows]
    target_end = _target_ends(data, at, length, method_len + 1)
    runs_on = target_end >= np.minimum(length, EXAMINED)
    is_whole, is_cut = _versions(data, at + target_end, length - target_end)
    is_open = runs_on | is_cut
    has_target = target_end > method_len + 1
    held = np.flatnonzero((is_whole | is_open) & has_target)
    held = held[_have_tokens(data, at[held], method_len[held], start[rows[held]])]
    tags[rows[held]] = np.where(is_open[held], Tag.HTTP1_REQUEST_OPEN, Tag.HTTP1_REQUEST)
    return tags


def _method_lens(data: Bytes, at: Offsets, start: Words) -> Offsets:
    """How far the first space is; 0 where it is not within a method's length."""
    lens = _common_method_lens(start)
    rest = np.flatnonzero(lens == 0)
    first_space = first_true(windows(data, at[rest], METHOD_MAX_LEN + 1) == SP)
    lens[rest] = np.where(first_space <= METHOD_MAX_LEN, first_space, 0)
    return lens


def _common_method_lens(start: Words) -> Offsets:
    lens = np.zeros(start.shape, np.int64)
    for method in COMMON_METHODS:
        lens[begins_with(start, method)] = len(method) - 1
    return lens


def _target_ends(data: Bytes, at: Offsets, length: Offsets, begin: Offsets) -> Offsets:
    """Where, from the segment's start, the first byte is that no target holds (space, controls)."""
    ends = begin + first_true(windows(data, at + begin, NARROW) <= SP)
    long = np.flatnonzero((ends == begin + NARROW) & (length > ends))
    if long.size:
        wide = windows(data, at[long] + begin[long], EXAMINED) <= SP
        ends[long] = begin[long] + first_true(wide)
    return ends


def _versions(data: Bytes, at: Offsets, left: Offsets) -> tuple[Mask, Mask]:
    """Whether `VERSION`, digit and line end follow; or are cut by the segment's end."""
    seen = np.clip(left, 0, len(VERSION))
    fits: Mask = ((words(data, at) ^ word_of(VERSION)) & _VERSION_MASKS[seen]) == 0
    rest = words(data, at + len(VERSION))
    left = left - len(VERSION)
    is_digit = IS_DIGIT[byte(rest, 0).astype(np.intp)]
    fits = fits & (is_digit | (left < 1))
    ends_bare = byte(rest, 1) == LF
    ends_crlf = (byte(rest, 1) == CR) & (byte(rest, 2) == LF)
    is_cut = (left <= 1) | ((left == 2) & (byte(rest, 1) == CR))  # noqa: PLR2004
    whole: Mask = fits & (ends_bare | ends_crlf) & ~is_cut
    cut: Mask = fits & is_cut
    return whole, cut


def _have_tokens(data: Bytes, at: Offsets, lens: Offsets, start: Words) -> Mask:
    """Whether all is tchar before the space; the tests above have left few rows to ask."""
    found = _common_method_lens(start) > 0
    rest = np.flatnonzero(~found)
    chars = windows(data, at[rest], METHOD_MAX_LEN)
    inside = np.arange(METHOD_MAX_LEN) < lens[rest, np.newaxis]
    found[rest] = (IS_TCHAR[chars] | ~inside).all(axis=1)
    return found
