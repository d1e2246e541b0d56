"""Following length-prefixed frames through what was kept of one side, also across gaps.

The head is contiguous; of later segments only the beginnings were kept. A frame's end that falls
on kept bytes can be checked there, so a chain goes on although most of the payload is missing.
Knows no protocol: the caller measures a frame from its header.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sniffdiag.identify.verdict import Sample, Side
from sniffdiag.records import dataclass

MAX_FRAMES = 16
"""Far more than any rule asks for; bounds the work on streams of tiny frames."""

NOT_A_FRAME = -1
CUT = 0
"""The header itself is not all there."""

Measure = Callable[[bytes, int], int]
"""(data, offset) to the whole frame's length, `CUT` or `NOT_A_FRAME`."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Valid frames, each beginning where the one before ends."""

    frames: tuple[tuple[bytes, int], ...]
    """(data, offset of the frame in it) of each valid header."""
    exact: bool
    """The last frame ends where a segment is known to end or to begin."""


def pieces(side: Side) -> tuple[Sample, ...]:
    """All that was kept of a side in stream order, the head as the first piece."""
    return (Sample(at=0, data=side.head, whole=side.complete), *side.samples)


def chains(side: Side, measure: Measure) -> Iterator[Chain]:
    """The chains that begin where a piece does, which is the place to expect a frame's start."""
    kept = pieces(side)
    for number, piece in enumerate(kept):
        if measure(piece.data, 0) > CUT:
            yield follow(kept[number:], 0, measure)


def follow(kept: tuple[Sample, ...], offset: int, measure: Measure) -> Chain:
    """The chain from `offset` in the first of the pieces."""
    frames: list[tuple[bytes, int]] = []
    number, at = 0, kept[0].at + offset
    while len(frames) < MAX_FRAMES:
        number = _piece_with(kept, number, at)
        if number == len(kept):
            break
        piece = kept[number]
        length = measure(piece.data, at - piece.at)
        if length <= 0:
            break
        frames.append((piece.data, at - piece.at))
        at += length
    return Chain(tuple(frames), exact=bool(frames) and _is_border(kept, at))


def _piece_with(kept: tuple[Sample, ...], number: int, at: int) -> int:
    """The first piece, from `number` on, that holds the byte at `at`; past all if none."""
    while number < len(kept):
        piece = kept[number]
        if piece.at <= at < piece.at + len(piece.data):
            return number
        if piece.at > at:
            return len(kept)
        number += 1
    return number


def _is_border(kept: tuple[Sample, ...], at: int) -> bool:
    return any(
        piece.at == at or (piece.whole and piece.at + len(piece.data) == at) for piece in kept
    )
