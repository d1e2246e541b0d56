"""Header blocks, RST_STREAM and GOAWAY frames in segments of HTTP/2, in columns (RFC 9113 6).

Every segment is read by itself: frames are followed by their lengths from its first byte, or from
the first place amid it where valid frames begin that lead to its end. A frame whose header lies in
two segments is missed. All segments are read one frame at a time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sniffdiag.nominate.header_blocks import read_blocks
from sniffdiag.nominate.http2_frames import HEADER_LEN, LARGE_DATA, MAX_LEN, frame_len
from sniffdiag.nominate.messages import (
    ERROR_CODES,
    FRAMES,
    GOAWAY,
    GRPC_UNTOLD,
    NOT_ADDED,
    STREAM_RESET,
    UNSOUND,
    UNTOLD,
    Http2Messages,
)
from sniffdiag.nominate.windows import Bytes, Mask, Offsets, byte, windows, words
from sniffdiag.records import dataclass

PREFACE_LEN = 24
HEADERS, RST_STREAM, GOAWAY_FRAME = 1, 3, 7
END_STREAM, END_HEADERS, PADDED, HAS_PRIORITY = 0x01, 0x04, 0x08, 0x20
PRIORITY_LEN = 5
KIND_AT, FLAGS_AT, STREAM_AT, NUMBER_LEN = 3, 4, 5, 4
_WITH_ERRORS = ((RST_STREAM, STREAM_RESET, 0), (GOAWAY_FRAME, GOAWAY, NUMBER_LEN))
"""Frames with an error code, the code that stands for 0, and what comes before it in them."""
MOST_FRAMES = 1 << 10
"""Of one segment; a few hundred fit into the largest."""
MOST_CANDIDATES = 8
"""Places amid a segment that are tried."""
CELL = 256
_COMMON_BITS = np.uint8(0xFF ^ HEADERS ^ RST_STREAM)
"""With these alone HEADERS and RST_STREAM are HEADERS both."""
_IS_WANTED = np.zeros(256, np.bool_)
_IS_WANTED[[HEADERS, RST_STREAM, GOAWAY_FRAME]] = True


@dataclass(frozen=True, slots=True)
class _Frames:
    """Frames found, in no order."""

    segment: Offsets
    at: Offsets
    """In the chunk."""
    behind: Offsets
    """Of each segment: where its last frame ends, `UNSOUND` where one is cut or invalid."""


def read_messages(
    data: Bytes, at: Offsets, captured: Offsets, likeness: npt.NDArray[np.uint8]
) -> Http2Messages:
    """What segments hold, of which `captured` bytes are at `at`."""
    end = at + captured
    is_preface = byte(words(data, at), 0) == ord("P")  # no frame begins so: its length would be
    begin = np.where(is_preface, at + PREFACE_LEN, at)  # five million
    amid = np.flatnonzero(likeness != FRAMES)
    begin[amid] = _first_frames(data, at[amid], end[amid])
    return _messages(data, _walk(data, begin, end), at, end)


def _walk(data: Bytes, begin: Offsets, end: Offsets) -> _Frames:
    """The frames of interest from `begin` on."""
    rows = np.flatnonzero(begin + HEADER_LEN <= end)
    place = begin[rows]
    segments, places = [rows[:0]], [place[:0]]
    behind = np.where(begin >= end, begin, UNSOUND)
    for _ in range(MOST_FRAMES):
        if not rows.size:
            break
        length = frame_len(data, place, LARGE_DATA)
        wanted = (length > 0) & _IS_WANTED[_kind(data, place)]
        segments.append(rows[wanted])
        places.append(place[wanted])
        place = place + length
        is_done = (length > 0) & (place >= end[rows])
        behind[rows[is_done]] = place[is_done]
        on = (length > 0) & (place + HEADER_LEN <= end[rows])
        rows, place = rows[on], place[on]
    return _Frames(np.concatenate(segments), np.concatenate(places), behind)


def _kind(data: Bytes, at: Offsets) -> npt.NDArray[np.intp]:
    return data[at + KIND_AT].astype(np.intp)


def _first_frames(data: Bytes, at: Offsets, end: Offsets) -> Offsets:
    """Where amid each segment frames begin that lead to its end; its end where none do."""
    found = end.copy()
    segment, place = _candidates(data, at, end)
    for _ in range(MOST_CANDIDATES):
        if not segment.size:
            break
        first = np.flatnonzero(np.diff(segment, prepend=-1))
        rows, begin = segment[first], place[first]
        good = _leads_to_the_end(data, begin, end[rows], begin == at[rows])
        found[rows[good]] = begin[good]
        later = np.ones(segment.shape, np.bool_)
        later[first] = False
        later &= found[segment] == end[segment]
        segment, place = segment[later], place[later]
    return found


def _candidates(data: Bytes, at: Offsets, end: Offsets) -> tuple[Offsets, Offsets]:
    """Segments and places in them with a valid header of HEADERS or RST_STREAM, in order.

    Segments are cut into cells, whose bytes are compared at once.
    """
    cells = np.maximum(-(-(end - at - HEADER_LEN + 1) // CELL), 0)
    owner = np.repeat(np.arange(at.shape[0]), cells)
    number = np.arange(owner.shape[0]) - np.repeat(np.cumsum(cells) - cells, cells)
    begin = at[owner] + number * CELL
    kinds = windows(data, begin + KIND_AT, CELL)
    kinds &= _COMMON_BITS
    found = np.flatnonzero(kinds == HEADERS)
    cell = found // CELL
    place = begin[cell] + found % CELL
    segment = owner[cell]
    inside = place + HEADER_LEN <= end[segment]
    segment, place = segment[inside], place[inside]
    short = (data[place] == 0) & (data[place + 1] <= MAX_LEN >> 8)
    segment, place = segment[short], place[short]
    valid = frame_len(data, place) > 0
    return segment[valid], place[valid]


def _leads_to_the_end(data: Bytes, begin: Offsets, end: Offsets, is_first: Mask) -> Mask:
    """Frames from `begin` on up to `end`, or at least two of which the last runs on.

    A HEADERS frame with which a segment begins may be the only one and run on.
    """
    good = np.zeros(begin.shape, np.bool_)
    rows, place = np.arange(begin.shape[0]), begin
    for step in range(1, MOST_FRAMES + 1):
        length = frame_len(data, place, LARGE_DATA)
        place = place + length
        stops = (length > 0) & (place + HEADER_LEN > end[rows])
        good[rows[stops & ((place == end[rows]) | (step > 1) | is_first[rows])]] = True
        on = (length > 0) & ~stops
        rows, place = rows[on], place[on]
        if not rows.size:
            break
    return good


def _messages(data: Bytes, frames: _Frames, at: Offsets, end: Offsets) -> Http2Messages:
    order = np.lexsort((frames.at, frames.segment))
    segment, place = frames.segment[order], frames.at[order]
    header, end = words(data, place), end[segment]
    kind, flags = byte(header, 3), byte(header, 4)
    code = np.full(place.shape, UNTOLD, np.uint16)
    grpc_status = np.full(place.shape, GRPC_UNTOLD, np.uint8)
    inserts, ref = np.zeros((2, place.shape[0]), np.uint8)
    added = np.full(place.shape, NOT_ADDED, np.uint8)
    behind = np.where(frames.behind == UNSOUND, UNSOUND, frames.behind - at)
    blocks = np.flatnonzero(kind == HEADERS)
    begins, ends = _blocks(data, place[blocks], end[blocks])
    told = read_blocks(data, begins, ends)
    code[blocks], grpc_status[blocks] = told.code, told.grpc_status
    use = told.table
    inserts[blocks], ref[blocks], added[blocks] = use.inserts, use.ref, use.place
    is_whole = use.is_whole & (flags[blocks] & np.uint64(END_HEADERS) != 0)
    is_whole &= place[blocks] + frame_len(data, place[blocks]) <= end[blocks]
    behind[segment[blocks[~is_whole]]] = UNSOUND
    for frame, first_code, before in _WITH_ERRORS:
        rows = np.flatnonzero(kind == frame)
        code[rows] = first_code + _errors(data, place[rows] + HEADER_LEN + before, end[rows])
    return Http2Messages(
        segment=segment,
        at=place - at[segment],
        stream=_number(data, place + STREAM_AT),
        code=code,
        grpc_status=grpc_status,
        ends=(kind == HEADERS) & (flags & np.uint64(END_STREAM) != 0),
        inserts=inserts,
        ref=ref,
        place=added,
        behind=behind,
    )


def _blocks(data: Bytes, place: Offsets, end: Offsets) -> tuple[Offsets, Offsets]:
    """Where the fields of HEADERS frames begin and end, as far as they were captured."""
    flags = data[place + FLAGS_AT]
    behind = place + HEADER_LEN
    is_padded = flags & PADDED != 0
    padding = np.where(is_padded, byte(words(data, behind), 0), 0).astype(np.int64)
    frame_end = place + frame_len(data, place) - padding
    begin = behind + is_padded + np.where(flags & HAS_PRIORITY, PRIORITY_LEN, 0)
    return begin, np.minimum(frame_end, end)


def _errors(data: Bytes, at: Offsets, end: Offsets) -> npt.NDArray[np.uint32]:
    """Error codes; those that are unknown or were not captured are one."""
    error = np.minimum(_number(data, at), ERROR_CODES - 1)
    return np.where(at + NUMBER_LEN <= end, error, ERROR_CODES - 1).astype(np.uint32)


def _number(data: Bytes, at: Offsets) -> npt.NDArray[np.uint32]:
    """Four bytes, the most significant first."""
    return words(data, at).astype(np.uint32).byteswap()
