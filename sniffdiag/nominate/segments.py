"""Which segments of a chunk may hold HTTP/2 messages; they are read when somebody asks for them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sniffdiag.nominate.http2_frames import HEADER_LEN, LARGE_DATA, frame_len
from sniffdiag.nominate.messages import FRAMES, LIKENESS, MAY_BE_FRAMES, Http2Messages, Segments
from sniffdiag.nominate.windows import Bytes, Mask, Offsets, byte, words

HEADERS = 1


def segments_of(
    data: Bytes,
    rows: Offsets,
    payload: tuple[Offsets, Offsets, Offsets],
    tags: npt.NDArray[np.uint8],
) -> Segments:
    """Segments of a chunk; of the payload of each: where it is, its captured bytes, its length."""
    at, captured, wire = payload
    likeness = LIKENESS[tags]
    cut = np.flatnonzero((captured < wire) & (likeness == MAY_BE_FRAMES))
    if cut.size:
        cut = cut[_begin_with_frames(data, at[cut], captured[cut], wire[cut])]
        likeness[cut] = FRAMES
    return Segments(
        rows, likeness, lambda some: _read(data, at[some], captured[some], likeness[some])
    )


def _read(
    data: Bytes, at: Offsets, captured: Offsets, likeness: npt.NDArray[np.uint8]
) -> Http2Messages:
    from sniffdiag.nominate.http2_messages import (  # noqa: PLC0415 - most captures do without
        read_messages,
    )

    return read_messages(data, at, captured, likeness)


def _begin_with_frames(data: Bytes, at: Offsets, captured: Offsets, wire: Offsets) -> Mask:
    """Which segments, cut by the snapshot length, begin with a whole HEADERS frame or more."""
    length = frame_len(data, at, LARGE_DATA)
    found: Mask = (byte(words(data, at), 3) == HEADERS) & (captured > HEADER_LEN)
    found &= (length > HEADER_LEN) & (length <= wire)
    return found
