"""Numbers that run through all files of a run: frames and interfaces."""

from __future__ import annotations

import numpy as np

from sniffdiag.records import dataclass
from sniffdiag.sources.frames import FrameChunk, SourceSummary


@dataclass(slots=True)
class Numbering:
    """The next numbers to give out."""

    next_frame: int = 1
    next_interface: int = 0

    def take_interface(self) -> int:
        """The index of an interface not seen before."""
        self.next_interface += 1
        return self.next_interface - 1

    def count(self, chunk: FrameChunk, summary: SourceSummary) -> FrameChunk:
        """Move past the chunk's frames and add them to the summary."""
        if not summary.frames:
            summary.first_frame = chunk.first_frame
        self.next_frame += chunk.rows
        summary.frames += chunk.rows
        summary.bytes += int(chunk.caplen.sum())
        summary.truncated_frames += int(np.count_nonzero(chunk.caplen < chunk.wirelen))
        return chunk
