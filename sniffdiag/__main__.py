"""`sniffdiag` and `python -m sniffdiag`."""

from __future__ import annotations

import sys

from sniffdiag.version import VERSION


def main() -> None:
    """Runs the command line; `--version` answers without importing the rest."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"sniffdiag {VERSION}\n")
        return
    from sniffdiag.cli.app import run  # noqa: PLC0415 - typer costs more than the answer above

    run()


if __name__ == "__main__":
    main()
