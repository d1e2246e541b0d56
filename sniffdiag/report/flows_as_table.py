"""Flows as a table for a terminal.

Laid out here and not by tabulate, which holds all rows and measures every cell: a listing may hold
millions of flows. Columns are as wide as the first rows need; a wider cell later pushes its line.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

from sniffdiag.report.escape import printable
from sniffdiag.report.listing import FlowList, FlowRow

_MEASURED = 1_000
_HEADERS = ("FRAME", "STREAM", "CLIENT", "SERVER", "PROTOCOL", "PACKETS", "BYTES", "WHY")
_HEADERS_JA4 = (*_HEADERS[:-1], "JA4", _HEADERS[-1])


def render_flows(flows: FlowList) -> Iterator[str]:
    """Lines, each ending in a newline."""
    rows = iter(flows.rows)
    headers, cells_of = (_HEADERS, _cells) if not flows.ja4 else (_HEADERS_JA4, _cells_ja4)
    first = [cells_of(row) for row in islice(rows, _MEASURED)]
    widths = [max(map(len, column)) for column in zip(headers, *first, strict=True)]
    template = "  ".join(f"%-{width}s" for width in widths[:-1]) + "  %s\n"
    yield template % headers
    for cells in chain(first, map(cells_of, rows)):
        yield template % cells


def _cells_ja4(row: FlowRow) -> tuple[str, ...]:
    *cells, why = _cells(row)
    return (*cells, row.ja4 or "-", why)


def _cells(row: FlowRow) -> tuple[str, ...]:
    stream = row.tcp_stream if row.tcp_stream is not None else row.udp_stream
    transport = row.transport if row.encapsulation == "" else f"{row.transport}>{row.encapsulation}"
    return (
        str(row.first_frame),
        f"{transport} {stream}",
        _endpoint(row.client, row.client_port),
        _endpoint(row.server, row.server_port),
        row.protocol if row.switched_to is None else f"{row.protocol}→{row.switched_to}",
        str(row.packets),
        str(row.bytes),
        printable(_remarks(row)),
    )


def _remarks(row: FlowRow) -> str:
    sni = "" if row.sni is None else f", SNI {row.sni}"
    twin = "" if row.twin_of is None else f", twin of {row.transport} {row.twin_of}"
    return f"{row.why}{sni}{twin}"


def _endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
