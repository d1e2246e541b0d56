"""Build a `FrameChunk` from frame bytes, for tests of every layer that takes chunks or headers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sniffdiag.sources.frames import FrameChunk

ETHERNET = 1
PADDING = 64
"""What the contract of `FrameChunk` promises behind the last frame."""


def chunk_of(
    frames: Sequence[bytes],
    *,
    linktypes: int | Sequence[int] = ETHERNET,
    wirelens: Sequence[int] | None = None,
    ts_ns: Sequence[int] | None = None,
    filler: int = 0,
) -> FrameChunk:
    """Frames one after the other; by default Ethernet, whole, and a microsecond apart."""
    rows = len(frames)
    caplen = np.array([len(frame) for frame in frames], np.int64)
    types = [linktypes] * rows if isinstance(linktypes, int) else linktypes
    return FrameChunk(
        data=np.frombuffer(b"".join(frames) + bytes([filler]) * PADDING, np.uint8).copy(),
        offset=np.cumsum(caplen) - caplen,
        caplen=caplen,
        wirelen=caplen.copy() if wirelens is None else np.array(wirelens, np.int64),
        ts_ns=np.arange(rows, dtype=np.int64) * 1000
        if ts_ns is None
        else np.array(ts_ns, np.int64),
        linktype=np.array(types, np.int32),
        interface=np.zeros(rows, np.int32),
        first_frame=1,
    )
