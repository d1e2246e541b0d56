"""`sniffdiag interfaces`: what `live -i` can name."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from sniffdiag.cli.output import write


class InterfaceFormat(StrEnum):
    """Names of `report.interfaces.INTERFACE_FORMATS`."""

    TEXT = "text"
    JSON = "json"


def interfaces(
    *,
    output: Annotated[
        InterfaceFormat, typer.Option("-o", "--output", help="Format of the table.")
    ] = InterfaceFormat.TEXT,
) -> None:
    """List the interfaces that live can capture on.

    With state and addresses, and why it cannot be captured on where it cannot.

    Examples:
      sniffdiag interfaces
      sniffdiag interfaces -o json
    """
    from sniffdiag.pipeline.interfaces import list_interfaces  # noqa: PLC0415 - --help stays fast
    from sniffdiag.report.interfaces import INTERFACE_FORMATS  # noqa: PLC0415 - as above

    write([INTERFACE_FORMATS[output](list_interfaces())])
