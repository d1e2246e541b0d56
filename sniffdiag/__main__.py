"""`sniffdiag` and `python -m sniffdiag`."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn

from sniffdiag.version import VERSION

INTERRUPTED = 130
"""`ExitCode.INTERRUPTED`, which may not be loaded yet."""


def main() -> None:
    """Runs the command line; `--version` answers without importing the rest."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        with suppress(OSError):  # of a full disk the command line can tell
            sys.stdout.write(f"sniffdiag {VERSION}\n")
            sys.stdout.flush()
            return
    # numpy's linear algebra is not used; its threads would cost more than starting numpy does.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # A run makes many objects and next to no cycles; to look for these took a fifteenth of a start.
    gc.set_threshold(100_000, 50, 100)
    try:
        _let_sigterm_be_ctrl_c()
        from sniffdiag.cli.app import run  # noqa: PLC0415 - typer costs more than the answer above

        run()
    except SystemExit as end:
        _leave(end)
    except KeyboardInterrupt:  # while modules load; later ones are the command line's
        sys.stderr.write("sniffdiag: stopped before anything was read\n")
        _leave(SystemExit(INTERRUPTED))


def _let_sigterm_be_ctrl_c() -> None:
    """Who stops a container sends SIGTERM, of which a process would die without a word."""
    import signal  # noqa: PLC0415 - `--version` stays fast

    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _leave(end: SystemExit) -> NoReturn:
    """Ends the process at once: taking it to pieces takes 0.05 s after a large capture."""
    import threading  # noqa: PLC0415 - `--version` stays fast

    if threading.active_count() > 1 or isinstance(end.code, str):
        raise end
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # Python knows what to do about it
        raise end from None
    os._exit(int(end.code or 0))


if __name__ == "__main__":
    main()
