"""Results to standard output, as the bytes they are: UTF-8 whatever the locale says."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from sniffdiag.cli.exits import ExitCode
from sniffdiag.errors import SniffdiagError


class ReaderGoneError(Exception):
    """Not an error of the run; a name of its own, because click makes code 1 of a broken pipe."""

    def __init__(self, code: ExitCode) -> None:
        super().__init__()
        self.code = code


def write(pieces: Iterable[str], code: ExitCode = ExitCode.CLEAN) -> None:
    """Writes and flushes; with which code the command will end does not depend on who reads.

    Raises:
        ReaderGoneError: Nobody reads on, as with `| head`.
        SniffdiagError: The output cannot be written (full disk).
    """
    try:
        for piece in pieces:
            sys.stdout.buffer.write(piece.encode("utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        raise ReaderGoneError(code) from error
    except OSError as error:
        raise SniffdiagError(f"cannot write the report: {error.strerror or error}") from error
