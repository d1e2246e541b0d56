"""The frame table in columns is that of the HTTP/2 detector."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sniffdiag.identify import http2
from sniffdiag.nominate.http2_frames import are_frames
from tests.support import h2

STREAMS = st.sampled_from([0, 1, 2, 3, 1 << 31, 1 << 31 | 1])
LENGTHS = st.integers(0, 13) | st.sampled_from([16383, 16384, 16385])


def are_one_frame(segment: bytes) -> bool:
    data = np.frombuffer(segment, np.uint8)
    return bool(are_frames(data, np.zeros(1, np.int64), np.array([len(segment)]))[0])


@settings(max_examples=400)
@given(kind=st.integers(0, 12), flags=st.integers(0, 255), stream=STREAMS, length=LENGTHS)
def test_columns_take_the_headers_that_the_detector_takes(
    kind: int, flags: int, stream: int, length: int
) -> None:
    segment = h2.frame(kind, bytes(length), flags=flags, stream=stream)
    assert are_one_frame(segment) == http2._is_valid_header(http2.frame_at(segment, 0))
