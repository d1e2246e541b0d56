"""A request line is judged by the segment's own bytes, whatever lies behind it in the buffer."""

from __future__ import annotations

import numpy as np
import pytest

from sniffdiag.nominate.request_line import request_tags
from sniffdiag.nominate.tags import Tag
from sniffdiag.nominate.windows import words

LINE = b"GET /a HTTP/1.1\r\n"


@pytest.mark.parametrize("end", range(len(b"GET /"), len(LINE) + 1))
def test_a_line_is_open_until_its_line_feed_is_captured(end: int) -> None:
    """The rest of the line lies behind the captured part, as another frame's bytes would."""
    at = np.zeros(1, np.int64)
    data = np.frombuffer(LINE + bytes(64), np.uint8)
    [tag] = request_tags(data, at, np.array([end]), words(data, at)).tolist()
    assert tag == (Tag.HTTP1_REQUEST if end == len(LINE) else Tag.HTTP1_REQUEST_OPEN)
