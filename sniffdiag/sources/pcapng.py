"""pcapng files are not read yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sniffdiag.sources.frames import FrameChunk, SourceSummary
    from sniffdiag.sources.numbering import Numbering
    from sniffdiag.sources.window import Window

SECTION_HEAD_BYTES = 12


def begins_section(_head: bytes) -> bool:
    """Whether a pcapng file begins with these bytes."""
    return False


def read_pcapng(
    _window: Window, _summary: SourceSummary, _numbering: Numbering
) -> Iterator[FrameChunk]:
    """The frames of a pcapng file."""
    return iter(())
