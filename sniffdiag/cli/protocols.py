"""`sniffdiag protocols`: what can be observed, and from which bytes."""

from __future__ import annotations

from typing import Annotated

import typer

from sniffdiag.cli import options
from sniffdiag.cli.output import write


def protocols(
    output: Annotated[
        options.ReportFormat, typer.Option("-o", "--output", help="Format of the table.")
    ] = options.ReportFormat.TEXT,
) -> None:
    """List the protocols that are recognised, and by what.

    Examples:
      sniffdiag protocols
      sniffdiag protocols -o markdown
    """
    from sniffdiag.report.protocol_table import PROTOCOL_FORMATS  # noqa: PLC0415 - --help stays fast

    write([PROTOCOL_FORMATS[output]()])
