"""The window keeps what is unused, whatever sizes come in and whatever sizes are used up."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sniffdiag.sources.window import FIRST_BLOCK_BYTES, SLACK_BYTES, Window
from tests.support.capture_files import Dribble


@given(
    content=st.binary(max_size=3000),
    sizes=st.lists(st.integers(1, 200), min_size=1, max_size=4),
    uses=st.lists(st.integers(0, 300), min_size=1, max_size=4),
    block_bytes=st.integers(1, 500),
)
def test_every_byte_passes_once_and_in_order(
    content: bytes, sizes: list[int], uses: list[int], block_bytes: int
) -> None:
    window = Window(Dribble(content, sizes), block_bytes)
    seen = b""
    turn = 0
    while window.refill():
        seen += window.take(uses[turn % len(uses)])
        turn += 1
    assert seen + window.take(window.available) == content


def test_slack_follows_the_last_byte() -> None:
    window = Window(io.BytesIO(bytes(1000)), 100)
    assert window.require(1000)
    assert window.data.size - window.end >= SLACK_BYTES


def test_require_says_when_the_stream_ends_before() -> None:
    window = Window(io.BytesIO(b"abc"))
    assert not window.require(4)
    assert (window.available, window.head(10), window.at_end_of_stream) == (3, b"abc", True)


def test_the_buffer_is_reused_once_it_has_its_size() -> None:
    """A new buffer for every block would cost page faults."""
    window = Window(io.BytesIO(bytes(20 * FIRST_BLOCK_BYTES)), 2 * FIRST_BLOCK_BYTES)
    window.refill()
    window.begin = window.end
    window.refill()
    block = window.data
    window.begin = window.end
    while window.refill():
        assert np.shares_memory(window.data, block)
        window.begin = window.end
