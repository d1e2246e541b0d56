"""Chains of frames over a head and the beginnings of later segments, with a toy frame format."""

from __future__ import annotations

from sniffdiag.identify.chains import CUT, MAX_FRAMES, NOT_A_FRAME, chains, follow, pieces
from sniffdiag.identify.verdict import Sample, Side


def measure(data: bytes, at: int) -> int:
    """One byte of length, itself included; 0xff is no length."""
    if at >= len(data):
        return CUT
    return NOT_A_FRAME if data[at] == 0xFF else max(data[at], 1)


def count(side: Side) -> tuple[int, bool]:
    chain = next(chains(side, measure))
    return len(chain.frames), chain.exact


def test_a_chain_ends_at_the_first_byte_that_was_not_kept() -> None:
    assert count(Side(b"\x03..\x02.\x63")) == (3, False)


def test_a_chain_ends_at_what_is_no_frame() -> None:
    assert count(Side(b"\x02.\xff")) == (1, False)


def test_a_complete_head_and_a_whole_segment_have_a_known_end() -> None:
    assert count(Side(b"\x02.", complete=True)) == (1, True)
    assert count(Side(b"\x02.")) == (1, False)
    later = Sample(90, b"\x02.", whole=True)
    assert count(Side(b"\xff", samples=(later,))) == (1, True)


def test_a_chain_goes_on_where_a_later_segment_holds_the_next_frame() -> None:
    later = Sample(100, b"......\x04...", whole=False)
    assert count(Side(b"\x6a", samples=(later,))) == (2, False)
    assert count(Side(b"\x6b", samples=(later,)))[0] > 1
    elsewhere = Sample(200, b"......", whole=False)
    assert count(Side(b"\x6a", samples=(elsewhere,))) == (1, False)


def test_a_chain_of_tiny_frames_is_bounded() -> None:
    assert len(follow(pieces(Side(b"\x01" * 999)), 0, measure).frames) == MAX_FRAMES
