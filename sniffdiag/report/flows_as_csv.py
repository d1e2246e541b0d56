"""Flows as CSV (RFC 4180), safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from sniffdiag.report.escape import csv_cell
from sniffdiag.report.listing import FlowList, FlowRow

_FLUSH_ROWS = 1_000
COLUMNS = tuple(name for name in FlowRow._fields if name not in {"facts", "ja4"})


def render_flows(flows: FlowList) -> Iterator[str]:
    """Pieces of text; the first line names the columns."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    columns = (*COLUMNS, "ja4") if flows.ja4 else COLUMNS
    writer.writerow(columns)
    for number, row in enumerate(flows.rows, start=1):
        writer.writerow([_cell(getattr(row, name)) for name in columns])
        if number % _FLUSH_ROWS == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return csv_cell(" ".join(value))
    return csv_cell(value) if isinstance(value, str) else value
