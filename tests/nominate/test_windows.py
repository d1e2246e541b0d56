"""Gathers near the end of a buffer."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sniffdiag.nominate.windows import begins_with, byte, windows, words


@given(
    data=st.binary(max_size=60),
    places=st.lists(st.integers(0, 80), max_size=8),
    width=st.sampled_from([1, 8, 33, 64]),
)
def test_bytes_past_the_end_read_as_zero(data: bytes, places: list[int], width: int) -> None:
    found = windows(np.frombuffer(data, np.uint8), np.array(places, np.int64), width)
    padded = data + bytes(width + 80)
    assert [row.tobytes() for row in found] == [padded[at : at + width] for at in places]


def test_a_words_first_byte_is_byte_0_on_every_machine() -> None:
    word = words(np.frombuffer(b"HTTP/1.1", np.uint8), np.zeros(1, np.int64))
    assert byte(word, 0) == ord("H")
    assert byte(word, 7) == ord("1")
    assert begins_with(word, b"HTTP/1.")
    assert not begins_with(word, b"HTTP/2")
