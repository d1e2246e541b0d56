"""Heads are put together as a receiver would, and say what is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sniffdiag.flows.flow import Segment
from sniffdiag.flows.head import Piece, datagrams, reassembled

ISN = 1000
FIRST = ISN + 1
REQUEST = b"GET / HTTP/1.1\r\n"


def piece(at: int, data: bytes, frame: int = 0, *, lost: int = 0, kept: int | None = None) -> Piece:
    """`data` at stream offset `at`; `lost` bytes were cut by the snapshot, `kept` were kept."""
    return Piece(
        seq=(FIRST + at) % 2**32,
        frame=frame,
        data=data if kept is None else data[:kept],
        captured=len(data),
        wire=len(data) + lost,
    )


def sample(at: int, data: bytes, size: int, frame: int = 0) -> Piece:
    """The beginning of a segment of `size` bytes."""
    return Piece((FIRST + at) % 2**32, frame, data, size, size, sample=True)


WHOLE = (piece(0, REQUEST[:5]), piece(5, REQUEST[5:9]), piece(9, REQUEST[9:]))
KEEP_ALIVE = Piece(ISN, 1, b"\0", 1, 1)

COMPLETE = {
    "in order": WHOLE,
    "out of order": WHOLE[::-1],
    "retransmitted": (*WHOLE, *WHOLE),
    "resent in larger segments": (WHOLE[0], piece(0, REQUEST)),
    "overlapping by a few bytes": (piece(0, REQUEST[:7]), piece(4, REQUEST[4:])),
    "hole filled late": (WHOLE[0], WHOLE[2], piece(3, REQUEST[3:12])),
    "keep-alive with a byte before the first": (KEEP_ALIVE, *WHOLE),
    "keep-alive with garbage for a known byte": (WHOLE[0], piece(4, b"\0"), *WHOLE[1:]),
    "zero-window probe": (WHOLE[0], piece(5, REQUEST[5:6]), *WHOLE[1:]),
}


@pytest.mark.parametrize("pieces", COMPLETE.values(), ids=COMPLETE.keys())
def test_the_head_is_what_the_sender_wrote(pieces: tuple[Piece, ...]) -> None:
    stream = reassembled(pieces, ISN, sum(one.wire for one in pieces))
    assert (stream.head, stream.from_start, stream.gap) == (REQUEST, True, False)
    assert stream.complete
    assert not stream.segments


@pytest.mark.parametrize("isn", [0, 2**32 - 1, 2**32 - 6, 2**31, 2**31 - 4])
def test_sequence_numbers_wrap_around(isn: int) -> None:
    pieces = [
        Piece((isn + 1 + at) % 2**32, 0, REQUEST[at : at + 4], 4, 4)
        for at in range(0, len(REQUEST), 4)
    ]
    assert reassembled(pieces, isn, len(REQUEST)).head == REQUEST
    assert reassembled(pieces[::-1], None, len(REQUEST)).head == REQUEST


def test_the_first_copy_of_a_byte_wins() -> None:
    stream = reassembled([piece(0, b"GET"), piece(0, b"PUTS")], ISN, 7)
    assert stream.head == b"GETS"


def test_every_piece_of_the_head_names_its_frame() -> None:
    pieces = [piece(0, b"ab", 7), piece(2, b"cd", 9), piece(0, b"abcdef", 12)]
    assert reassembled(pieces, ISN, 10).head_frames == ((0, 7), (2, 9), (4, 12))


def test_the_head_ends_where_a_segment_was_not_captured() -> None:
    stream = reassembled([piece(0, b"abc", 1), piece(5, b"fg", 2)], ISN, 5)
    assert (stream.head, stream.gap, stream.complete) == (b"abc", True, False)
    assert stream.segments == (Segment(5, b"fg", whole=True, frame=2),)


def test_the_head_ends_where_the_snapshot_cut_a_segment() -> None:
    stream = reassembled([piece(0, b"abc", lost=4), piece(7, b"hi")], ISN, 9)
    assert (stream.head, stream.gap, stream.complete) == (b"abc", True, False)


def test_a_used_up_budget_is_no_gap() -> None:
    pieces = [piece(0, b"abcdef", 1, kept=4), sample(6, b"gh", 100, 2)]
    stream = reassembled(pieces, ISN, 106)
    assert (stream.head, stream.gap, stream.complete) == (b"abcd", False, False)
    assert stream.segments == (Segment(6, b"gh", whole=False, frame=2),)


def test_a_missing_first_byte_is_a_gap_and_no_start() -> None:
    stream = reassembled([piece(3, b"def"), piece(6, b"ghi")], ISN, 6)
    assert (stream.head, stream.from_start, stream.gap) == (b"defghi", False, True)


def test_a_stream_caught_in_the_middle_begins_with_its_lowest_byte() -> None:
    stream = reassembled([piece(20, b"late"), piece(17, b"ear"), piece(24, b"r")], None, 8)
    assert (stream.head, stream.from_start, stream.gap) == (b"earlater", False, False)


def test_a_keep_alive_before_a_stream_caught_in_the_middle_is_no_byte_of_it() -> None:
    assert reassembled([KEEP_ALIVE, piece(0, REQUEST)], None, 17).head == REQUEST


def test_a_side_that_sent_nothing_has_an_empty_head() -> None:
    stream = reassembled([], ISN, 0)
    assert (stream.head, stream.from_start, stream.complete, stream.gap) == (b"", True, True, False)


def test_datagrams_stay_apart() -> None:
    stream = datagrams(
        [piece(0, b"one", 1), piece(0, b"two", 2), piece(0, b"three", 3, lost=1)], 12
    )
    assert (stream.head, stream.head_frames) == (b"one", ((0, 1),))
    assert stream.segments == (
        Segment(1, b"two", whole=True, frame=2),
        Segment(2, b"three", whole=False, frame=3),
    )
    assert not stream.complete


@given(
    data=st.binary(min_size=1, max_size=60),
    isn=st.integers(0, 2**32 - 1),
    ranges=st.lists(st.tuples(st.integers(0, 59), st.integers(1, 20)), max_size=30),
)
def test_any_honest_retransmissions_give_the_sent_bytes(
    data: bytes, isn: int, ranges: list[tuple[int, int]]
) -> None:
    pieces = [
        Piece((isn + 1 + at) % 2**32, 0, data[at : at + size], len(data[at : at + size]), size)
        for at, size in [*ranges, (0, len(data))]
        if at + size <= len(data)
    ]
    stream = reassembled(pieces, isn, sum(one.wire for one in pieces))
    assert (stream.head, stream.complete, stream.gap) == (data, True, False)


@given(
    st.lists(
        st.builds(
            Piece,
            seq=st.integers(0, 2**32 - 1),
            frame=st.just(1),
            data=st.binary(max_size=8),
            captured=st.integers(0, 20),
            wire=st.integers(0, 30),
            sample=st.booleans(),
        ),
        max_size=12,
    ),
    st.none() | st.integers(0, 2**32 - 1),
)
def test_no_pieces_make_reassembly_fail(pieces: list[Piece], isn: int | None) -> None:
    stream = reassembled(pieces, isn, 0)
    assert len(stream.head) <= sum(len(one.data) for one in pieces)
