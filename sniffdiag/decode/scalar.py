"""The slow path: frames that the columnar decoder does not take, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sniffdiag.decode.headers import DecodeStatus

if TYPE_CHECKING:
    from sniffdiag.decode.walk import Rows, Walk
    from sniffdiag.sources.frames import FrameChunk


def decode_rows(chunk: FrameChunk, rows: Rows, walk: Walk) -> None:
    """Decode these rows of a chunk from their first byte on."""
    del chunk
    walk.settle(rows, DecodeStatus.NOT_IP)
