"""Results to standard output, as the bytes they are: UTF-8 whatever the locale says."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from sniffdiag.errors import SniffdiagError


def write(pieces: Iterable[str]) -> None:
    """Writes and flushes.

    Raises:
        BrokenPipeError: The reader has gone, which is not an error.
        SniffdiagError: The output cannot be written (full disk).
    """
    try:
        for piece in pieces:
            sys.stdout.buffer.write(piece.encode("utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SniffdiagError(f"cannot write the report: {error.strerror or error}") from error
