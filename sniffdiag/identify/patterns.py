"""Regular expressions that are compiled when they are first used.

The detectors hold more than a hundred; compiling them all takes longer than reading a small
capture, and a run needs a handful.
"""

from __future__ import annotations

import re
from typing import Any, cast


class _Lazy:
    """Stands in for a compiled pattern until the first call, and for its methods afterwards."""

    def __init__(self, pattern: bytes, flags: int) -> None:
        self.pattern = pattern
        self._given_flags = flags

    def __getattr__(self, name: str) -> Any:
        """Only asked for what is not there yet: everything, before the first use."""
        compiled = re.compile(self.pattern, self._given_flags)
        self.match, self.fullmatch = compiled.match, compiled.fullmatch
        self.search, self.finditer = compiled.search, compiled.finditer
        self.sub, self.split = compiled.sub, compiled.split
        return getattr(compiled, name)


def lazy(pattern: bytes, flags: int = 0) -> re.Pattern[bytes]:
    """`re.compile(pattern, flags)`, later."""
    return cast("re.Pattern[bytes]", _Lazy(pattern, flags))
