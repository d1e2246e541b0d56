"""The head of one direction: captured pieces put into sequence order.

Pure: pieces in, `Stream` out. The first copy of a byte wins (a receiver that has acknowledged it
drops the second, RFC 9293 3.10.7.4), a retransmission fills a hole, and the head ends at the first.
Does not follow acknowledgements: what was not kept is not missed.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import TYPE_CHECKING, NamedTuple

from sniffdiag.flows.flow import Segment, Stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SEQUENCE_NUMBERS = 1 << 32
LATE_BYTES = 1 << 20
"""How far behind the first captured byte of a stream caught in the middle a late one may lie."""


class Piece(NamedTuple):
    """One captured segment or datagram, as far as it was kept."""

    seq: int
    frame: int
    data: bytes
    captured: int
    """Bytes captured; `data` may be shorter."""
    wire: int
    """Bytes on the wire; fewer may have been captured."""
    sample: bool = False
    """Kept for its beginning only: no part of the head."""

    @property
    def whole(self) -> bool:
        """All bytes on the wire are in `data`."""
        return len(self.data) == self.wire


class _Span(NamedTuple):
    """Bytes of one piece that no earlier piece held."""

    start: int
    end: int
    data: bytes
    frame: int


def datagrams(pieces: Sequence[Piece], payload_bytes: int) -> Stream:
    """Datagrams are not put together: the head is the first, the others are segments."""
    first = pieces[:1]
    return Stream(
        head=b"".join(piece.data for piece in first),
        head_frames=tuple((0, piece.frame) for piece in first),
        from_start=True,
        complete=_all_kept(pieces, payload_bytes),
        gap=False,
        segments=tuple(
            Segment(number, piece.data, piece.whole, piece.frame)
            for number, piece in enumerate(pieces)
            if number
        ),
    )


def reassembled(pieces: Sequence[Piece], isn: int | None, payload_bytes: int) -> Stream:
    """The TCP stream of which `pieces` (capture order) were kept; `isn` where a SYN tells it.

    `payload_bytes` is what the side sent in all, by the headers.
    """
    placed = _placed(pieces, isn)
    spans = _first_copies(placed)
    start = spans[0].start if spans else min((at for at, _ in placed), default=0)
    head, end = _contiguous(spans, start)
    from_start = isn is not None and start == 0
    gap = (isn is not None and start > 0) or _is_hole(end, placed)
    return Stream(
        head=b"".join([span.data for span in head]),
        head_frames=tuple([(span.start - start, span.frame) for span in head]),
        from_start=from_start,
        complete=not gap and _all_kept(pieces, payload_bytes),
        gap=gap,
        segments=_segments(placed, start, end),
    )


def _all_kept(pieces: Sequence[Piece], payload_bytes: int) -> bool:
    """Nothing that the side sent is missing from the pieces."""
    if payload_bytes != sum([piece.wire for piece in pieces]):
        return False
    return all(piece.whole for piece in pieces)


def _placed(pieces: Sequence[Piece], isn: int | None) -> list[tuple[int, Piece]]:
    """Pieces with their offsets in the stream; those without a byte in it are left out."""
    if isn is not None:
        origin = isn + 1
    elif pieces:
        origin = _first_known(pieces)
    placed = [(_distance(piece.seq, origin), piece) for piece in pieces]
    return [both for both in placed if both[0] + both[1].wire > 0]


def _first_known(pieces: Sequence[Piece]) -> int:
    """Sequence number of the lowest byte known of a stream that was caught in the middle."""
    anchor = pieces[0].seq
    late = [at for at in (_distance(piece.seq, anchor) for piece in pieces) if at >= -LATE_BYTES]
    lowest = min(late)
    followed = any(_distance(piece.seq, anchor) == lowest + 1 for piece in pieces)
    probes = all(piece.data == b"\0" for piece in pieces if _distance(piece.seq, anchor) == lowest)
    # A keep-alive sends one garbage byte that was acknowledged long ago (RFC 9293 3.8.4).
    return anchor + lowest + (1 if followed and probes else 0)


def _distance(seq: int, origin: int) -> int:
    """`seq - origin` with the wraparound of sequence numbers (RFC 9293 3.4)."""
    half = SEQUENCE_NUMBERS // 2
    return (seq - origin + half) % SEQUENCE_NUMBERS - half


def _first_copies(placed: Sequence[tuple[int, Piece]]) -> list[_Span]:
    """Spans in stream order, none overlapping; of each byte the copy that was captured first."""
    spans: list[_Span] = []
    reach = 0
    for at, piece in placed:
        end = at + len(piece.data)
        if piece.sample or end <= 0:
            continue
        if at >= reach:  # behind all others, as most are: nothing to look for
            spans.append(_Span(at, end, piece.data, piece.frame))
        else:
            for first, last in list(_uncovered(spans, max(at, 0), end)):
                insort(spans, _Span(first, last, piece.data[first - at : last - at], piece.frame))
        reach = max(reach, end)
    return spans


def _uncovered(spans: list[_Span], first: int, last: int) -> Iterator[tuple[int, int]]:
    """The parts of first..last that no span covers."""
    index = bisect_right(spans, first, key=lambda span: span.start)
    if index:
        first = max(first, spans[index - 1].end)
    while first < last:
        following = spans[index].start if index < len(spans) else last
        if first < following:
            yield first, min(last, following)
        first = spans[index].end if index < len(spans) else last
        index += 1


def _contiguous(spans: Sequence[_Span], start: int) -> tuple[Sequence[_Span], int]:
    """The spans before the first hole, and where it is."""
    end = start
    for number, span in enumerate(spans):
        if span.start != end:
            return spans[:number], end
        end = span.end
    return spans, end


def _is_hole(end: int, placed: Sequence[tuple[int, Piece]]) -> bool:
    """Bytes at `end` were on the wire and are known not to have been captured."""
    beyond = [(at, piece) for at, piece in placed if at + piece.wire > end]
    return bool(beyond) and not any(at <= end < at + piece.captured for at, piece in beyond)


def _segments(placed: Sequence[tuple[int, Piece]], start: int, end: int) -> tuple[Segment, ...]:
    """The pieces behind the head, stream order, one for each place."""
    first: dict[int, Piece] = {}
    for at, piece in placed:
        if at >= end and piece.data:
            first.setdefault(at, piece)
    return tuple([Segment(at - start, p.data, p.whole, p.frame) for at, p in sorted(first.items())])
