"""The standard streams as the shell left them: closed, full, or read by nobody."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STANDARD_ERROR = 2


class _NeverFails(io.FileIO):
    """What cannot be written is lost: remarks are no reason to lose the report they are about."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def prepare_streams() -> None:
    """A shell may close them (`<&-`); then Python has None where streams are expected."""
    nowhere = os.devnull
    sys.stdin = sys.stdin or open(nowhere)  # noqa: PTH123, SIM115 - as long as the process
    sys.stdout = sys.stdout or open(nowhere, "w")  # noqa: PTH123, SIM115 - the same
    errors = sys.stderr or open(nowhere, "w")  # noqa: PTH123, SIM115 - the same
    sys.stderr = errors
    if errors is sys.__stderr__ and errors is not None:  # not a test's
        sys.stderr = io.TextIOWrapper(
            io.BufferedWriter(_NeverFails(STANDARD_ERROR, "w", closefd=False)),
            encoding=errors.encoding,
            errors="backslashreplace",
            line_buffering=True,
        )


def forget_standard_output() -> None:
    """Keeps Python from flushing into a closed pipe (or a full disk) once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
