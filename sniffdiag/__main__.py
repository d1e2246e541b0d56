"""`sniffdiag` and `python -m sniffdiag`."""

from __future__ import annotations

import gc
import os
import sys

from sniffdiag.version import VERSION


def main() -> None:
    """Runs the command line; `--version` answers without importing the rest."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"sniffdiag {VERSION}\n")
        return
    # numpy's linear algebra is not used; its threads would cost more than starting numpy does.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # A run makes many objects and next to no cycles; to look for these took a fifteenth of a start.
    gc.set_threshold(100_000, 50, 100)
    from sniffdiag.cli.app import run  # noqa: PLC0415 - typer costs more than the answer above

    run()


if __name__ == "__main__":
    main()
