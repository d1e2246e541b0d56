"""`sniffdiag flows`: every flow of a capture, no declarations needed."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sniffdiag.cli import options
from sniffdiag.cli.output import write
from sniffdiag.cli.processes import processes
from sniffdiag.cli.progress import ProgressLine
from sniffdiag.report.escape import printable


def flows(
    captures: options.Captures = None,
    *,
    read: options.ReadFile = None,
    output: Annotated[
        options.FlowFormat, typer.Option("-o", "--output", help="Format of the list.")
    ] = options.FlowFormat.TABLE,
    ja4: Annotated[
        bool, typer.Option("--ja4", help="Add the JA4 fingerprint of TLS and QUIC clients.")
    ] = False,
) -> None:
    """List the flows of a capture and the protocol of each.

    Frame and stream numbers are Wireshark's: filter for tcp.stream == N to jump to one.

    Examples:
      sniffdiag flows web.pcap
      tcpdump -i any -w - | sniffdiag flows -
      sniffdiag flows captures/ -o json | jq -r '.flows[] | select(.protocol == "tls") | .sni'
      sniffdiag flows web.pcap --ja4 -o csv > flows.csv
    """
    from sniffdiag.pipeline.capture import Wanted, list_flows  # noqa: PLC0415 - --help stays fast
    from sniffdiag.report.capture_text import capture_lines  # noqa: PLC0415 - as above
    from sniffdiag.report.flow_formats import FLOW_FORMATS  # noqa: PLC0415 - as above

    names = options.named_captures(captures, read)
    with ProgressLine() as line:
        found = list_flows(
            names,
            stdin=sys.stdin.buffer,
            watcher=line,
            processes=processes(),
            wanted=Wanted(facts=output is options.FlowFormat.JSON, ja4=ja4),
        )
    write(FLOW_FORMATS[output](found))
    if output is options.FlowFormat.TABLE:
        for text in capture_lines(found.capture):
            typer.echo(printable(text, 1000), err=True)
