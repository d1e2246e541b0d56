"""Results to standard output, as the bytes they are: UTF-8 whatever the locale says."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from sniffdiag.errors import SniffdiagError


class ReaderGoneError(Exception):
    """Not an error of the run; a name of its own, because click makes code 1 of a broken pipe."""


def write(pieces: Iterable[str]) -> None:
    """Writes and flushes.

    Raises:
        ReaderGoneError: Nobody reads on, as with `| head`.
        SniffdiagError: The output cannot be written (full disk).
    """
    try:
        for piece in pieces:
            sys.stdout.buffer.write(piece.encode("utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        raise ReaderGoneError from error
    except OSError as error:
        raise SniffdiagError(f"cannot write the report: {error.strerror or error}") from error
