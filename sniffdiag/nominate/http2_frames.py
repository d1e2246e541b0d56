"""Chains of HTTP/2 frame headers, in all segments one step at a time (RFC 9113 4.1, 6).

The table is that of `identify.http2` in columns; a test holds the two together. Payloads of frames
are not looked at.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sniffdiag.nominate.windows import Bytes, Mask, Offsets, Words, byte, words

HEADER_LEN = 9
STEPS = 8
ENOUGH_FRAMES = 2
MAX_LEN = 16384
SETTINGS, SETTING_LEN = 4, 6
TYPES = 10
FLAGS = np.array([0x09, 0x2D, 0, 0, 0x01, 0x0C, 0x01, 0, 0, 0x04], np.int64)
LEAST = np.array([0, 1, 5, 4, 0, 5, 8, 8, 4, 0], np.int64)
MOST = np.array([MAX_LEN, MAX_LEN, 5, 4, MAX_LEN, MAX_LEN, 8, MAX_LEN, 4, MAX_LEN], np.int64)
LARGE_DATA = MOST.copy()
LARGE_DATA[0] = (1 << 24) - 1
"""As `MOST` where a peer allows larger frames (RFC 9113 6.5.2), which grpc's does."""
ON_CONNECTION = np.array([0, 0, 0, 0, 1, 0, 1, 1, 1, 0], np.bool_)
ON_STREAM = np.array([1, 1, 1, 1, 0, 1, 0, 0, 1, 1], np.bool_)


def are_frames(data: Bytes, at: Offsets, length: Offsets) -> Mask:
    """Segments of valid frames: up to their end, or at least two with the last running on."""
    found = np.zeros(at.shape, np.bool_)
    rows = np.flatnonzero(length >= HEADER_LEN)
    place, end = at[rows], (at + length)[rows]
    for step in range(1, STEPS + 1):
        whole_len = frame_len(data, place)
        place = place + whole_len
        valid = whole_len > 0
        stops = place + HEADER_LEN > end
        if step < STEPS:
            stands = (place == end) | (step >= ENOUGH_FRAMES)
        else:
            stands = np.ones(rows.shape, np.bool_)
            stops = stands
        found[rows[valid & stops & stands]] = True
        on = valid & ~stops
        rows, place, end = rows[on], place[on], end[on]
    return found


def frame_len(data: Bytes, at: Offsets, most: npt.NDArray[np.int64] = MOST) -> Offsets:
    """Header and payload length of the frame at each offset, 0 where no valid header is."""
    start = words(data, at)
    length = (_int(start, 0) << 16) | (_int(start, 1) << 8) | _int(start, 2)
    kind = np.minimum(_int(start, 3), TYPES - 1)
    valid = (_int(start, 3) < TYPES) & (length >= LEAST[kind]) & (length <= most[kind])
    valid &= (_int(start, 4) & ~FLAGS[kind]) == 0
    is_settings = kind == SETTINGS
    valid &= ~is_settings | ((length % SETTING_LEN == 0) & ((_int(start, 4) == 0) | (length == 0)))
    valid &= _is_stream_allowed(words(data, at + 5), kind)
    return np.where(valid, HEADER_LEN + length, 0)


def _is_stream_allowed(stream: Words, kind: Offsets) -> Mask:
    """Stream 0 where the type belongs to the connection, else odd: no client takes pushes."""
    is_zero = (stream & np.uint64(0xFFFFFFFF)) == 0
    is_odd = (_int(stream, 3) & 1 == 1) & (_int(stream, 0) < 0x80)  # noqa: PLR2004, the R bit
    allowed: Mask = (is_zero & ON_CONNECTION[kind]) | (is_odd & ON_STREAM[kind])
    return allowed


def _int(of: Words, number: int) -> Offsets:
    return byte(of, number).astype(np.int64)
